"""Every tolerance of the audit of losses, with its reason."""

FLOAT32 = 1.2e-7  # spacing of float32 at 1, relative

FIT = 3e-4  # share a fit on the grid may leave: float32 and a small epsilon in a logarithm do less
FIT_16_BITS = 1e-2  # the same where a part is computed in 16 bits, which keep three digits
FIT_ROUNDING = 5  # times FLOAT32 * level / spread: what float32 leaves of a small term
FLAT = 20  # times FLOAT32 * level: a table that varies by less does not vary
SAMPLES = 2e-3  # share of random inputs left unexplained: an entry treated otherwise leaves more
SAMPLES_16_BITS = 2e-2
SAMPLES_ROUNDING = 4  # times FLOAT32 * level / spread, of a handful of random inputs
SAME = 0.005  # two weights are one number: an epsilon in a logarithm shifts a weight by less
UNIT = 1e-4  # a factor is a unit (bits, 1/784): units are exact, so closer than SAME
POWER = 0.01  # a size enters by a power: neighbouring powers differ by 10% and more
REPEAT = 1e-6  # the same input twice: sums in another order differ by less
DEPENDS = 1e-5  # relative change that counts as one
FAR = 0.01  # a term at a z_mean of 6 is still itself
DEPARTS = 0.02  # beyond this a clip is named
OFFSET_LAW = 0.02  # an offset is the KL's missing -1
NORMALISER = 2e-3  # an offset is the normaliser of a Gaussian: log(2 pi) / 2 a pixel stands out
RANGE = 1e-4  # images may pass [0, 1] by the rounding of a resize
WIDEST_SIGMA = 1.0  # of a Gaussian decoder of pixels on [0, 1]: beyond, no pixel is ever told
SCALED_IMAGES = 0.02  # a slope of the images is 255, 2, -1
