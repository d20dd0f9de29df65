"""Files of figures: whole ones or none."""

from pathlib import Path

import matplotlib.image
import pytest

from ieg.drawing import canvas
from ieg.errors import InputError


class TestSave:
    def test_makes_folders_replaces_and_leaves_nothing_else(self, tmp_path: Path) -> None:
        path = tmp_path / "figures" / "empty.png"
        figure, _ = canvas.panels(1, "first")
        canvas.save(figure, path)
        path.write_bytes(b"old")
        canvas.save(figure, path)
        assert matplotlib.image.imread(path).shape[:2] == (480, 660)
        assert list(path.parent.iterdir()) == [path]

    def test_a_failed_rename_keeps_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError("disk is full")

        path = tmp_path / "figure.png"
        path.write_bytes(b"old")
        monkeypatch.setattr("os.replace", fail)
        with pytest.raises(InputError, match="cannot write .*figure.png: disk is full"):
            canvas.save(canvas.panels(1, "")[0], path)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_the_ending_says_the_format(self, tmp_path: Path) -> None:
        figure, _ = canvas.panels(1, "")
        for name, start in (("a.PDF", b"%PDF"), ("b.png", b"\x89PNG"), ("c", b"\x89PNG")):
            canvas.save(figure, tmp_path / name)
            assert (tmp_path / name).read_bytes().startswith(start), name

    def test_says_what_is_wrong(self, tmp_path: Path) -> None:
        figure, _ = canvas.panels(1, "")
        with pytest.raises(InputError, match=r"must end in one of .*png.*; got .*a\.txt"):
            canvas.save(figure, tmp_path / "a.txt")
        with pytest.raises(InputError, match=r"must be a file; .* is a folder"):
            canvas.save(figure, tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.filterwarnings("error")
    def test_names_of_any_letters_are_drawn_as_they_are(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        figure, (axes,) = canvas.panels(1, "\u732b")
        axes.set_yscale("log")
        axes.set_xticks(range(3), [r"$\frac{$", "a$b$", "x" * 400], rotation=90, weight="bold")
        canvas.save(figure, tmp_path / "names.png")
        assert not caplog.records
        assert [label.get_parse_math() for label in axes.get_xticklabels()] == [False] * 3
        assert all(label.get_parse_math() for label in axes.get_yticklabels())


def test_a_grid_shares_its_axes_and_hides_surplus_panels() -> None:
    figure, panels = canvas.grid(7, 5, (2.0, 2.0), "title")
    assert len(panels) == 7 and len(figure.axes) == 10
    assert panels[0].get_shared_x_axes().joined(panels[0], panels[6])
    assert sum(axes.get_visible() for axes in figure.axes) == 7
