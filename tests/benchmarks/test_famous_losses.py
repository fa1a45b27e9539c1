"""The page of public losses says what the audit says, and that is what was worked out by hand."""

import famous_losses
import pytest

# kl_weight / reconstruction_weight, by hand, at the material's own size.
BY_HAND = {
    "keras3 ops example": 1,
    "blog.keras.io 2016": 784 / 2,
    "Chollet, 2nd ed.": 1 / 2,
    "keras-io 2020 example": 1 / 2,
    "Foster, 2nd ed., 500 x mean": 1024 / 500,
    "Geron TF2, mse": 1 / 2,  # of half a sum of squares
    "TF tutorial CVAE, Monte Carlo KL": 1,
    "TFP layers, KL registered twice": 2,
    "pytorch/examples, sums": 1,
    "PyTorch-VAE vanilla, RGB": 0.00025 * 64 * 64 * 3 / 2,
    "hardmaru, kl_tolerance": 1 / 2,
    "6.S191 lab 2, absolute error": 0.0005 * 64 * 64 * 3,
}


@pytest.mark.slow
def test_the_table_is_the_script_s_and_its_betas_are_those_worked_out_by_hand():
    cases = {case.name: case for case in (*famous_losses.CASES, *famous_losses.MORE)}
    rows = []
    for famous in famous_losses.FAMOUS:
        found = famous_losses.audit(famous, cases[famous.case])
        rows.append(famous_losses.row(famous, found))
        assert found.effective_beta == pytest.approx(BY_HAND[famous.case], rel=0.01), famous.title
    assert famous_losses.table(rows) in famous_losses.PAGE.read_text(encoding="utf-8")


def test_every_loss_of_the_page_has_a_source():
    text = famous_losses.PAGE.read_text(encoding="utf-8")
    assert len(famous_losses.FAMOUS) >= 10
    for famous in famous_losses.FAMOUS:
        assert famous.links and all(f"]({address})" in text for _, address in famous.links)
        assert famous.case in BY_HAND
