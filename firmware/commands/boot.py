# Starting: which model file runs, with which settings, and safe mode after three starts in a row that failed.
#
# The file `boot` holds how many did, and why the last one if that is known; it is there only while a start has still
# to show that it holds. The board's module keeps what was found: slot (path of the model), settings (lines; None where
# there is no key either), refused (why the model that was sent last does not run).
import os


# Whether to begin in safe mode.
def start(board):
    board.slot = "model.cbm"
    board.settings = board.refused = None
    here = os.listdir()
    if "key" in here:
        board.settings = ()
    if "settings0" in here or "settings1" in here:
        from . import overlay

        board.settings = overlay.read()[1]
        board.slot = overlay.value(board.settings, "slot", board.slot)
        board.refused = overlay.value(board.settings, "refused")
    if board.slot == "model.cbm" and "model.cbm" not in here:
        try:
            # of the firmware's ROMFS
            os.stat("/rom/model.cbm")
            board.slot = "/rom/model.cbm"
        except OSError:
            pass
    count = b""
    try:
        # Where the board can tell, a start after the power was off or a reset from outside is none that failed.
        if "boot" in here and (not hasattr(board, "failed") or board.failed()):
            with open("boot", "rb") as file:
                count = file.read()
        n = b"0123".find(count[:1])
        if n == 3:
            return True
        with open("boot", "wb") as file:
            file.write(bytes((b"1231"[n],)) + count[1:])
    except OSError:
        # a board that cannot write starts nevertheless
        pass
