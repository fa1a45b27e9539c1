"""Solutions of notebook 14."""

import numpy as np


def replica_loss(per_image, extra, replicas):
    return (np.mean(per_image) + extra) / replicas


def weights_of_images(counts):
    return np.sum(counts) / (len(counts) * counts)


def files_of_worker(files, worker, workers):
    return [files[place] for place in range(worker, len(files), workers)]


def larger_batch(images, epochs, batch, replicas, rate):
    steps = epochs * np.ceil(images / (batch * replicas))
    return steps, rate * replicas


def ring_bytes(weights, replicas, bytes_each):
    return 2 * (replicas - 1) * weights * bytes_each / replicas


def speed_up(fixed, work, communication, devices):
    return (fixed + work) / (fixed + work / devices + communication)
