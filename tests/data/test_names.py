"""Public names of vae_helpers.data, and the old module names that live one edition."""

import pytest

import vae_helpers.data as package

FIRST_EDITION = [
    *("DRAWN_TEST", "DRAWN_TRAIN", "FASHION_CSV", "FASHION_SHA256", "GARMENTS", "GIVEN"),
    *("ImageDataset", "LETTERS", "LETTERS_FILE", "LETTERS_ROWS", "TEST_FRACTION", "as_float"),
    *("as_uint8", "check_images", "dataset_from_arrays", "draw_garments", "draw_letters"),
    *("load_fashion_mnist", "load_letters", "read_csv", "read_idx"),
]


@pytest.mark.parametrize("name", sorted({*FIRST_EDITION, *package._HOME}))
def test_public_name_is_there(name):
    assert getattr(package, name) is not None
    assert name in dir(package)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_digits'"):
        _ = package.load_digits


def test_old_names_are_the_new_things():
    from vae_helpers import corruptions, damage, drawn
    from vae_helpers.data import synthetic

    assert damage.DAMAGES is corruptions.CORRUPTIONS
    assert drawn.draw_garments is synthetic.synthetic_garments
    assert drawn.FONTS is synthetic.FONTS
