# A packet of the link in native code, one call a packet; the answer is that of `packet` in link.py.
import micropython


@micropython.viper
def packet(buffer: ptr8, i: int, end: int) -> int:
    # each COBS code byte becomes the zero that it stands for; the first one makes room for the type
    i += 1
    start = i
    code = buffer[i]
    buffer[i] = buffer[i - 1]
    i += code
    while i < end:
        code = buffer[i]
        buffer[i] = 0
        i += code
    if i != end:
        return 0
    end -= 3
    crc = 0xB704CE
    i = start
    while i < end:
        crc ^= buffer[i] << 16
        i += 1
        code = 8
        while code:
            code -= 1
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    if crc & 255 != buffer[end] or crc >> 8 & 255 != buffer[end + 1] or crc >> 16 != buffer[end + 2]:
        return 0
    return 1
