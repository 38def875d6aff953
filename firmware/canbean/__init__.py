# canbean on the board. The host may load these very files under another package name,
# so modules here import each other relatively.
VERSION = 1
