"""Take the README's picture out of notebook 1, so that it is always one the code has drawn."""

import base64
import sys

from course import NOTEBOOKS, ROOT, read, write_whole

NOTEBOOK = NOTEBOOKS / "01_whole_game.ipynb"
PICTURE = ROOT / "docs" / "new_clothes.png"
CALL = "vae.generate(30"  # in the cell that draws it


def main():
    for cell in read(NOTEBOOK).cells:
        if cell.cell_type == "code" and CALL in cell.source:
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    write_whole(PICTURE, base64.b64decode(output.data["image/png"]))
                    return
    sys.exit(f"{NOTEBOOK.name} has no picture in a cell with {CALL!r}: run `make notebooks` first")


if __name__ == "__main__":
    main()
