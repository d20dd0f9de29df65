"""Published settings as data: source, grid of runs, cost and expected numbers, one entry each.

    python -m ieg.grid --list                  all recipes, one line each
    python -m ieg.grid ieg_cifar100 --list     one of them in full
    python -m ieg.grid ieg_cifar100            its runs

To add one is to add an entry to a file here:

    RECIPES.register("my_study")(Recipe("Two losses on digits", rows={...}, datasets=(...)))

Nothing in this package imports TensorFlow.
"""

from ieg.recipes.recipe import Citation, Flags, Recipe, Row, RunFolder
from ieg.registry import Registry

__all__ = ["RECIPES", "Citation", "Flags", "Recipe", "Row", "RunFolder"]

RECIPES: Registry[Recipe] = Registry("recipe", __name__)
