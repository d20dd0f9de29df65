"""The Markdown tables that commands print, read back."""


def cells(line: str) -> list[str]:
    """The cells of a row."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def body(text: str) -> list[list[str]]:
    """The rows of all tables in a text without their titles and rules."""
    lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
    rules = {row for row, line in enumerate(lines) if set("".join(line)) == {"-"}}
    return [line for row, line in enumerate(lines) if not {row, row + 1} & rules]
