"""Notebook 11: pictures compared by features, and a VAE against a discriminator."""

import dataclasses

import keras
import numpy as np

from methods.method import Method, plain
from vae_helpers.adversarial import VAEGAN, Discriminator, FeatureVAE
from vae_helpers.benchmark import PLAIN
from vae_helpers.classifier import train_classifier
from vae_helpers.likelihoods import DiscretisedLogistic
from vae_helpers.parts import Decoder, Encoder, LatentDistribution
from vae_helpers.recipes import SMALL, train
from vae_helpers.settings import seed_everything


def with_likelihood(likelihood):
    """Train the VAE of the recipe SMALL with another likelihood, a class."""
    return lambda data: train(SMALL, data.train_images, likelihood=likelihood())


def small_parts():
    """Return fresh parts of the network of SMALL."""
    encoder, latent = Encoder(SMALL.hidden), LatentDistribution(SMALL.latent_dim)
    return encoder, latent, Decoder(SMALL.hidden[::-1])


def falling(rate, steps, end=0.0, **settings):
    """Return Adam with a rate that falls along a cosine to a share of it."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps, end)
    return keras.optimizers.Adam(schedule, **settings)


def feature_loss(data):
    """Train SMALL on features of a classifier beside pixels; its judge has another seed."""
    images = data.train_images
    own_seed = np.random.randint(2**31)  # follows the row's; training a classifier sets another
    # The judge of the table is trained with the seed 0.
    classifier = train_classifier(images, data.train_labels, len(data.class_names), seed=11)
    seed_everything(own_seed)
    extract = keras.Sequential(classifier.extract.layers[:2])
    vae = FeatureVAE(*small_parts(), extract, feature_weight=5.0, pixel_weight=0.3)
    vae.start_at_mean_image(images)
    steps = SMALL.epochs * -(-len(images) // SMALL.batch_size)
    vae.compile(falling(2e-3, steps))
    return vae, vae.fit(images, epochs=SMALL.epochs, batch_size=SMALL.batch_size, verbose=0)


def vae_gan(spectral=True, start=4, passes=3, batch=100):
    """Train SMALL as a plain VAE, then against a discriminator, with or without its bound."""

    def method(data):
        images = data.train_images
        plain_vae, _ = train(dataclasses.replace(SMALL, epochs=start), images)
        trained_parts = plain_vae.encoder, plain_vae.latent, plain_vae.decoder
        weights = {"feature_weight": 100.0, "pixel_weight": 0.5, "gamma": 0.03}
        vae = VAEGAN(*trained_parts, Discriminator((16, 32), spectral=spectral), **weights)
        steps = passes * -(-len(images) // batch)
        vae.compile(*(falling(rate, steps, 0.1, beta_1=0.5) for rate in (1e-3, 1e-3)))
        return vae, vae.fit(images, epochs=passes, batch_size=batch, verbose=0)

    return method


METHODS = [
    # The time that the VAE-GAN takes.
    Method(f"{PLAIN}, 20 passes", "small MLP", plain(epochs=20)),
    Method("discretised logistic", "small MLP", with_likelihood(DiscretisedLogistic)),
    Method("feature loss", "small MLP", feature_loss),
    Method("VAE-GAN", "small MLP", vae_gan()),
    Method("VAE-GAN, not bounded", "small MLP", vae_gan(spectral=False)),
]
