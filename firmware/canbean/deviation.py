# Squared deviations in 2**-20 bit, at most 128 bits. The host's canbean.tiny.deviation gives the same answers
# and proves that nothing leaves -2**30..2**30-1.
LIMIT = 1 << 27
# the smallest integer whose square passes the limit
ROOT = 11586


# The sum of ((x - mean) * multiplier >> shift)**2, rounded half up; means, multipliers and shifts begin at `at`.
def deviation(x, means, multipliers, shifts, at, count):
    total = 0
    for i in range(count):
        d = x[i] - means[at]
        if d < 0:
            d = -d
        d = (d * multipliers[at] >> shifts[at] - 1) + 1 >> 1
        if d >= ROOT:
            return LIMIT
        total += d * d
        if total >= LIMIT:
            return LIMIT
        at += 1
    return total
