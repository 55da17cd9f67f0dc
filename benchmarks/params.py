"""Sizes, precisions and patience of the benchmarks: one place."""

BITS = (24, 53, 64, 128, 256, 512, 1024, 4096)
SIZES = ((100, 100), (100, 1000), (1000, 3072))
STEP_SIZES = ((100, 100), (100, 1000), (300, 3072))
SHORT_BITS = (64, 256, 1024)
SPECTRAL_BITS = (256, 1024)
COMPARE_BITS = (24, 53, 64, 128, 256, 512, 1024)
RECORD_SIZES = ((100, 100), (100, 1000))
RECORD_BITS = (53, 256, 1024)

ROUNDS = 5  # the best of this many is reported; methods take turns within a round
SLICE = 0.05  # seconds of repetitions per method and round
SLICES = 25  # into so many parts a slice is divided for methods with more threads
PATIENCE = 4.0  # seconds; a call that takes longer is timed once instead of in rounds
