"""The mistakes that VAE code makes, each known once: in `losses` and in `samplers`."""
