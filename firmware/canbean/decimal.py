# Decimal numbers as text and as integers, without floating point.
LIMIT = 0x10000000


# n * 10**exponent as JSON has it.
def text(n, exponent):
    digits = str(abs(n))
    if exponent < 0:
        digits = "0" * (1 - exponent - len(digits)) + digits
        digits = digits[:exponent] + "." + digits[exponent:]
    elif n:
        digits += "0" * exponent
    return "-" + digits if n < 0 else digits


# The integer nearest to the number times 10**decimals, halves up, within +-LIMIT.
def number(word, decimals):
    digits = word[1:] if word[:1] in ("-", "+") else word
    dot = digits.find(".")
    rest = ""
    if dot >= 0:
        rest = digits[dot + 1 :]
        digits = digits[:dot]
    if not (digits + rest).isdigit():
        raise ValueError("not a decimal number: " + word)
    n = int(digits + rest[:decimals] + "0" * (decimals - len(rest)))
    rest = rest[decimals:].rstrip("0")
    if word[0] == "-":
        n = -n - (rest > "5")
    else:
        n += rest >= "5"
    return min(max(n, -LIMIT), LIMIT)
