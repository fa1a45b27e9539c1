"""The VAE example of keras.io, written plainly in Keras: what our trainings are compared with.

Convolutions, two latent dimensions, batches of 128, 30 epochs. It uses nothing of the package.
"""

EPOCHS, BATCH_SIZE = 30, 128
ELBO = -264.3  # of the 10,000 test images after all epochs, where it was not measured again


def reference_vae():
    import keras
    import tensorflow as tf
    from keras import layers

    def conv(filters, transposed=False):
        kind = layers.Conv2DTranspose if transposed else layers.Conv2D
        return kind(filters, 3, strides=2, padding="same", activation="relu")

    class ReferenceVAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential(
                [conv(32), conv(64), layers.Flatten(), layers.Dense(16, activation="relu")]
            )
            self.z_mean, self.z_log_var = layers.Dense(2), layers.Dense(2)
            self.decoder = keras.Sequential(
                [
                    layers.Dense(7 * 7 * 64, activation="relu"),
                    layers.Reshape((7, 7, 64)),
                    conv(64, transposed=True),
                    conv(32, transposed=True),
                    layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid"),
                ]
            )
            self.noise = keras.random.SeedGenerator(0)
            self(tf.zeros((1, 28, 28, 1)))

        def terms(self, x):
            """Reconstruction and KL as means over the batch, nats per image."""
            features = self.encoder(x)
            z_mean, z_log_var = self.z_mean(features), self.z_log_var(features)
            noise = keras.random.normal(tf.shape(z_mean), seed=self.noise)
            output = self.decoder(z_mean + tf.exp(0.5 * z_log_var) * noise)
            per_pixel = keras.losses.binary_crossentropy(x, output)  # averages the one channel
            reconstruction = tf.reduce_mean(tf.reduce_sum(per_pixel, axis=(1, 2)))
            kl = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
            return reconstruction, tf.reduce_mean(tf.reduce_sum(kl, axis=1))

        def call(self, x):
            return tf.add_n(self.terms(x))

        def train_step(self, x):
            with tf.GradientTape() as tape:
                loss = tf.add_n(self.terms(x))
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            return {"loss": loss}

    return ReferenceVAE()
