# The kind of a model by the section that holds it; only the one in use takes heap.
TAGS = ("POLY", "KNNS", "DENS", "FRST", "RBFS")


# `sections`: content by tag
def load(sections):
    if "POLY" in sections:
        from .polynomial import Polynomial

        return Polynomial(sections["POLY"])
    if "KNNS" in sections:
        from .neighbours import Neighbours

        return Neighbours(sections["KNNS"])
    if "DENS" in sections:
        from .dense import Dense

        return Dense(sections["DENS"])
    if "FRST" in sections:
        from .forest import Forest

        return Forest(sections["FRST"])
    if "RBFS" in sections:
        from .rbf import Kernel

        return Kernel(sections["RBFS"])
    raise ValueError("nothing that predicts in this model")
