"""The steps: image, firmware, model. Each looks first whether its work is done, and can be taken again at any time."""

from __future__ import annotations

import hashlib
import shlex
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canbean.board import update
from canbean.board.awake import awake
from canbean.board.firmware import MPY_VERSION
from canbean.board.flash import esptool, files, found, images, job, partition, ports, uf2
from canbean.board.flash.prompt import prompt
from canbean.board.flash.repl import FullError
from canbean.board.link import Board
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.board.flash.files import Firmware
    from canbean.board.flash.images import Image
    from canbean.board.flash.job import Job
    from canbean.board.flash.repl import Repl

START_S = 40.0
"""A first start makes a file system, and an ESP8266 takes seconds to load its firmware."""
PLATFORMS = {"esp8266": "esp8266", "esp32": "esp32", "rp2040": "rp2"}
"""`sys.platform` of each loader's chip; a virtual board says `linux`."""
AGAIN = "run the same command again"


@dataclass(frozen=True)
class Outcome:
    """What a step has done, or would do.

    Attributes:
        step: one of `STEPS`.
        done: whether anything had to be done.
        words: what, for people.
    """

    step: str
    done: bool
    words: str


class Flash:
    """One board that is flashed.

    Attributes:
        found: what was on the board when it was asked last.
    """

    def __init__(
        self,
        wanted: Job,
        command: str,
        progress: Callable[[str, float], object] = lambda _step, _share: None,
    ) -> None:
        """Ask the board what is on it.

        Args:
            wanted: what it is to get.
            command: what was typed, for errors that say how to go on.
            progress: called with a step and the share of it that is done, 0 to 1.
        """
        self.job = wanted
        # the firmware, as this board's MicroPython takes it
        self._made = wanted.firmware
        self._command = command
        self._progress = progress
        self.found = found.ask(wanted.port, wanted.board.baud)

    def plan(self) -> list[Outcome]:
        """What would be done; nothing is changed, and what runs is not stopped."""
        plans = {"image": self._plan_image, "firmware": self._plan_firmware, "model": self._plan_model}
        return [plans[step]() for step in self.job.steps]

    def take(self, step: str) -> Outcome:
        """Take a step.

        Raises:
            BoardError: what happened, in which state the board is, and what to do.
            FileError: an image cannot be read.
            ModelError: the model is not for this board.
        """
        return {"image": self._image, "firmware": self._firmware, "model": self._model}[step]()

    # --- image

    def _wanted_image(self) -> Image:
        name = images.name(self.job.board, romfs=self.job.in_romfs)
        image = self.job.image or images.cached(self.job.board, name)
        if image is None:
            raise images.missing(self.job.board, name, self._command)
        return image

    def _keeps_image(self) -> str | None:
        """Why no image is to be written, as far as the board can say so without being stopped."""
        if self.job.image is None:
            return "the MicroPython that runs there" if self.found.hello and not self.job.erase else None
        if self.found.image == self.job.image.digest and not self.job.erase:
            return self.job.image.path.name
        return None

    def _plan_image(self) -> Outcome:
        at = self.job.board.flash_map["image"]
        if self.job.fetch:
            name = images.name(self.job.board, romfs=self.job.in_romfs)
            newest = images.Image(Path(f"{name}-…{images.ENDINGS[self.job.board.loader]}"), b"")
            return Outcome(
                "image",
                True,
                f"fetch the newest {name} with mpflash; unless it is at {at:#x} already: {self._way(newest)}",
            )
        kept = self._keeps_image()
        if kept is not None:
            return Outcome("image", False, f"{kept}: there already")
        image = self._wanted_image()
        how = self._way(image)
        if self.job.image is None:
            return Outcome("image", True, f"unless a MicroPython answers: {how}")
        return Outcome("image", True, f"{image.path.name}, unless it is at {at:#x} already: {how}")

    def _way(self, image: Image) -> str:
        if self.job.board.loader == "rp2040":
            return "copy it onto its drive"
        return shlex.join(["python", *self._writing(image, erase=self.job.erase)[1:]])

    def _writing(self, image: Image, *, erase: bool) -> list[str]:
        at = self.job.board.flash_map["image"]
        return esptool.writing(self.job.port, at, image.path, erase=erase, baud=self.job.baud)

    def _image(self) -> Outcome:
        kept = self._keeps_image()
        if kept is not None:
            return Outcome("image", False, f"{kept}: there already")
        if self.job.image is None and not self.job.erase:
            try:
                with self._repl(patience=1.0) as repl:
                    about = repl.about()
            except BoardError:
                # nothing there, or nothing that answers
                pass
            else:
                return Outcome("image", False, f"MicroPython {about.version}: there already")
        image = self._wanted_image()
        write = self._copy_image if self.job.board.loader == "rp2040" else self._write_image
        words, done = write(image)
        try:
            with self._repl(patience=START_S / 4) as repl:
                files.write_manifest(repl, {**files.read_manifest(repl), "image": image.digest})
                version = repl.about().version
        except BoardError as error:
            raise BoardError(
                f"{self.job.port}: the image {image.path.name} is on the board, and then: {str(error).partition('; ')[0]}: is it one for "
                f"{self.job.board.name}? {AGAIN}, with {self.job.board.images[0]} or --erase if it happens again"
            ) from None
        self.found = found.Found()
        return Outcome("image", done, f"{image.path.name}, MicroPython {version}: {words}")

    def _write_image(self, image: Image) -> tuple[str, bool]:
        board, port = self.job.board, self.job.port
        chip, there = esptool.look(port, board.flash_map["files"], self.job.baud)
        if chip.lower() != board.loader:
            raise BoardError(
                f"{port}: the chip there is an {chip}, and a {board.name} has an {board.chip}; nothing was written: name the board "
                f"that it is with --board ('canbean board list'), or another port"
            )
        if not self.job.erase and esptool.holds(port, board.flash_map["image"], image.path, self.job.baud):
            return "there already", False
        # files that MicroPython made stay: a key or settings may be among them. What else is there would be taken for damaged ones.
        erase = self.job.erase or not there
        words = self._writing(image, erase=erase)
        esptool.write(words, port, partial(self._progress, "image"))
        return f"{'the flash erased, ' if erase else 'files kept, '}written and verified", True

    def _copy_image(self, image: Image) -> tuple[str, bool]:
        drive = uf2.wait(0)
        if drive is None:
            try:
                with self._repl(patience=1.0) as repl:
                    repl.run("import machine\nmachine.bootloader()")
            except BoardError:
                # it is gone before it has answered, or was never there
                pass
            drive = uf2.wait(uf2.WAIT_S)
        if drive is None:
            raise BoardError(
                f"{self.job.port}: no drive {uf2.BOARD}; the board is as it was: hold BOOTSEL while you plug it in, and {AGAIN}"
            )
        uf2.copy(image.content, drive)
        self._await_port()
        return "copied onto its drive", True

    def _await_port(self) -> None:
        """Until the port of a board whose USB is its own is back."""
        # it goes first
        time.sleep(1)
        end = awake() + START_S / 2
        while awake() < end:
            try:
                ports.check_free(self.job.port)
            except BoardError:
                time.sleep(0.2)
            else:
                return

    # --- firmware

    def _plan_firmware(self) -> Outcome:
        if self._runs_firmware():
            return Outcome("firmware", False, f"{self.job.app}, {self.found.firmware}: there already")
        made = self._made
        assert made is not None
        words = f"{self.job.app}: {len(made.files)} files, {made.size:,} bytes"
        if self.job.in_romfs is not False:
            where = ", into its ROMFS" if self.job.in_romfs else "; where the board has a ROMFS, into that"
            words += f"{where}, with the model: an image of {len(self._in_romfs().rom):,} bytes"
        return Outcome("firmware", True, f"{words}; as far as they are not there")

    def _in_romfs(self) -> Firmware:
        assert self._made is not None
        return self._made.in_romfs(self.job.blob)

    def _runs_firmware(self) -> bool:
        """Whether it is there, where it is to be."""
        if self.found.firmware is None:
            return False
        for made in (self.job.firmware, self.job.plain and self.job.plain()):
            if made is None:
                continue
            fits = set()
            if self.job.in_romfs is not True:
                fits.add(made.digest)
            if self.job.in_romfs is not False:
                fits.add(made.in_romfs(self.job.blob).digest)
            if self.found.firmware in fits:
                self._made = made
                return True
        return False

    def _firmware(self) -> Outcome:
        board, port = self.job.board, self.job.port
        if self._runs_firmware() and self.found.hello.get("app") != "safe":
            return Outcome("firmware", False, f"{self.job.app}, {self.found.firmware}: there already")
        with self._repl() as repl:
            about = repl.about()
            if about.platform not in {PLATFORMS[board.loader], "linux"}:
                raise BoardError(
                    f"{port}: this is a board of {about.platform} ({about.machine}), and a {board.name} has an {board.chip}; nothing "
                    "was written: name the board that it is with --board, or another port"
                )
            job.refuse_old(board, port, about.mpy, about.version, MPY_VERSION)
            if self.job.plain is not None and not job.runs_native(board, about.architecture):
                self._made = self.job.plain()
            made = self._made
            assert made is not None
            rom = None if self.job.in_romfs is False else partition.find(repl)
            if rom is None and self.job.in_romfs:
                instead = f"put the image {board.romfs_image} on it with --image" if board.romfs_image else ""
                other = (
                    "take a smaller model: this one only fits its heap from a ROMFS"
                    if self.job.needs_romfs
                    else "leave out --romfs"
                )
                raise BoardError(
                    f"{port}: its MicroPython has no ROMFS; no firmware was copied: "
                    + ", or ".join(filter(None, (instead, other)))
                )
            wanted = made if rom is None else self._in_romfs()
            try:
                written, there = files.copy(
                    repl, wanted, lambda done, total: self._progress("firmware", done / total), rom
                )
            except FullError:
                raise BoardError(
                    f"{port}: the board's file system is full: the firmware takes {made.size:,} bytes; the board starts nothing now, "
                    f"what is on it stays: remove what you do not need ('canbean board shell --port {port}'), or --erase "
                    f"everything, and {AGAIN}"
                ) from None
            except BoardError as error:
                raise BoardError(
                    f"{error}; the firmware is not whole, and the board starts nothing until it is: plug it in again and {AGAIN}"
                ) from None
            repl.reset()
        self.found = found.wait(port, board.baud, START_S)
        what = "files" if rom is None else f"files and blocks of ROMFS ({len(wanted.rom):,} bytes)"
        words = f"{self.job.app}: {written} {what} written and read back, {there} there already"
        return Outcome("firmware", written > 0, words)

    # --- model

    def _runs_model(self) -> bool:
        """Whether the board runs this model, from this very file, where it is to lie."""
        # the model's digest alone does not tell whether it is signed
        whole = hashlib.sha256(self.job.blob).hexdigest()[:16]
        if self.found.hello.get("model") != self.job.digest or self.found.model != whole:
            return False
        return not self._rom_has_model() or self.found.slot == files.SLOT

    def _rom_has_model(self) -> bool:
        """Whether the ROMFS holds this model, as far as this run knows."""
        return self._made is not None and self.found.firmware == self._in_romfs().digest

    def _plan_model(self) -> Outcome:
        assert self.job.model is not None
        if self._runs_model():
            return Outcome("model", False, f"{self.job.model.name}, {self.job.digest}: there already")
        return Outcome(
            "model",
            True,
            f"{self.job.model.name}: {len(self.job.blob):,} bytes into the slot that does not run",
        )

    def _model(self) -> Outcome:
        assert self.job.model is not None
        name, port = str(self.job.model), self.job.port
        if self._runs_model():
            where = "in the ROMFS, read where it lies" if self._rom_has_model() else "there already"
            return Outcome("model", False, f"{self.job.model.name}, {self.job.digest}: {where}")
        if not self.found.hello:
            raise BoardError(
                f"{port}: no canbean firmware answers; the board is as it was: leave out --only model, so that it gets one"
            )
        total = len(self.job.blob)
        try:
            with Board(port, baud=self.job.board.baud) as board:

                def send() -> None:
                    update.send_model(
                        board,
                        self.job.blob,
                        name,
                        self.job.key,
                        timeout=START_S,
                        progress=lambda got: self._progress("model", got / total),
                    )

                update.with_room(board, send, self.job.key)
        except BoardError as error:
            raise BoardError(f"{error}; the model that was there, if any, is still in use: {AGAIN}") from None
        self.found = found.wait(port, self.job.board.baud, START_S)
        how = "that in the ROMFS taken" if self._rom_has_model() else "sent"
        return Outcome(
            "model", True, f"{self.job.model.name}, {self.job.digest}: {how}, and golden vectors answered"
        )

    def _repl(self, patience: float = 3.0) -> Repl:
        return prompt(self.job.port, self.job.board.baud, self.found, self.job.key, patience)

    def told(self) -> dict[str, Any]:
        """What runs on the board now, and what is wrong with that."""
        hello = self.found.hello
        return {
            "port": self.job.port,
            "board": hello.get("board"),
            "app": hello.get("app"),
            "model": hello.get("model"),
            "golden": hello.get("golden"),
            "heap_free": hello.get("heap_free"),
            "image": self.found.image,
            "firmware": self.found.firmware,
            "slot": self.found.slot,
            "reason": self.found.wrong,
        }
