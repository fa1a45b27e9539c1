"""Fashion-MNIST, from its four IDX files or Kaggle's two CSV files."""

from vae_helpers.data import locate
from vae_helpers.data.dataset import checked
from vae_helpers.data.formats import read_idx
from vae_helpers.data.locate import GIVEN, below, find_together, first_found, parse_once
from vae_helpers.data.synthetic import GARMENTS, draw_garments

FASHION_CSV = ("fashion-mnist_train.csv", "fashion-mnist_test.csv")
# SHA-256 of the unpacked content of the files that Zalando published.
FASHION_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load_fashion_mnist(path=None, allow_drawn=True):
    """Load Fashion-MNIST: 60,000 training and 10,000 test images of ten kinds of garment.

    Args:
        path: a folder that holds the four IDX files (gzipped or not) or Kaggle's two CSV files,
            at any depth; "drawn" for the stand-in. Default: see the top of this module.
        allow_drawn: whether a drawn stand-in may take the place of data that was not found.

    Returns:
        An `ImageDataset`. The stand-in has 12,000 + 2,000 images and comes with a warning.

    Raises:
        FileNotFoundError: if `path` or VAE_DATA_DIR does not hold the data, or nothing does and
            `allow_drawn` is False.
        ValueError: if a file is broken; the message names it and the cure.

    Source: Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747; MIT licence.
    """
    return first_found(
        "Fashion-MNIST",
        path,
        allow_drawn,
        files=f"{', '.join(FASHION_SHA256)} (or .gz; MNIST's digits have the same names, so other "
        "files than the original ones count only from a folder with 'fashion' in its name), or "
        f"{' and '.join(FASHION_CSV)}",
        caches=[
            ("the cache", locate.cache_dir() / "fashion-mnist"),
            ("Keras' cache", locate.keras_cache() / "fashion-mnist"),
        ],
        read=_read_fashion,
        download=_download_fashion,
        draw=draw_garments,
        class_names=GARMENTS,
    )


def _read_fashion(place, root):
    """Fashion-MNIST from under `root`, or None. MNIST's digits come in files of the same names:
    an original set wins, and others count only if their folder or a person says what they are."""
    others = []
    for files in find_together(root, FASHION_SHA256, endings=("", ".gz")):
        dataset, is_original = _read_fashion_idx(place, root, files)
        if is_original:
            return dataset
        if place == GIVEN or "fashion" in f"{root.name}/{below(root, files)}".lower():
            others.append(dataset)
    if others:
        return others[0]
    for files in find_together(root, FASHION_CSV):
        return _read_fashion_csv(place, root, files)
    return None


def _read_fashion_idx(place, root, files):
    """Returns (dataset, whether all four files are the original ones)."""
    arrays, digests = zip(*(read_idx(files[name]) for name in FASHION_SHA256), strict=True)
    is_original = digests == tuple(FASHION_SHA256.values())
    origin = "the original files" if is_original else "not the original files"
    rows = len(arrays[0]) + len(arrays[2])
    source = f"{rows:,} rows from 4 IDX files in {place}{below(root, files)}: "
    source += f"{origin}, by their SHA-256"
    return checked(arrays, GARMENTS, "Fashion-MNIST", source), is_original


def _read_fashion_csv(place, root, files):
    parts = [array for name in FASHION_CSV for array in parse_once(files[name], 10, True)]
    rows = len(parts[0]), len(parts[2])
    if rows == (60_000, 10_000):
        origin = "as many as in Kaggle's files, of which no checksum is known"
    else:
        origin = "not Kaggle's files, which have 60,000 + 10,000"
    source = f"{sum(rows):,} rows from 2 CSV files in {place}{below(root, files)}: {origin}"
    return checked(parts, GARMENTS, "Fashion-MNIST", source)


def _download_fashion():
    arrays = []
    for name, sha256 in FASHION_SHA256.items():
        url = f"{locate.FASHION_URL}{name}.gz"
        content = locate.fetch(url)
        array, digest = read_idx(url, content)
        if digest != sha256:
            raise ValueError(
                f"{url} is not the file that Zalando published (SHA-256 {digest}). Nothing of it "
                "was kept: run again, or set VAE_OFFLINE=1 to go on with the drawn stand-in."
            )
        folder = locate.cache_dir() / "fashion-mnist"
        locate.keep(folder / f"{name}.gz", lambda file, content=content: file.write(content))
        arrays.append(array)
    rows = len(arrays[0]) + len(arrays[2])
    source = f"{rows:,} rows from 4 IDX files, downloaded: the original files, by their SHA-256"
    return checked(arrays, GARMENTS, "Fashion-MNIST", source)
