# The kind of a model by the section that holds it; only the one in use takes heap.
KINDS = (
    ("POLY", "polynomial", "Polynomial"),
    ("SPLN", "spline", "Spline"),
    ("KNNS", "neighbours", "Neighbours"),
    ("DENS", "dense", "Dense"),
    ("FRST", "forest", "Forest"),
    ("RBFS", "rbf", "Kernel"),
    ("LSTM", "lstm", "Lstm"),
    ("VAEN", "vae", "Vae"),
    ("GMIX", "mixture", "Mixture"),
    ("SEQN", "sequence", "Transitions"),
)
TAGS = tuple([kind[0] for kind in KINDS])


# `sections`: content by tag
def load(sections):
    found = [kind for kind in KINDS if kind[0] in sections]
    if len(found) != 1:
        raise ValueError("nothing, or too much, that predicts in this model")
    tag, module, name = found[0]
    path = "%s.%s" % (__name__.rsplit(".", 1)[0], module)
    return getattr(__import__(path, None, None, (name,)), name)(sections[tag])
