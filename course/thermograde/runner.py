"""Runs inside of the sandbox: executes the cells that come as JSON on stdin, and writes their outputs to stdout.

Nothing here is trusted by the grader. Only jupyter_client is imported, because it starts fast.
"""

import json
import os
import queue
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

QUIET = 10.0  # seconds without an output after which a cell that is done has no more of them
GRACE = 10.0  # seconds between an interrupt and giving up
MOST_PER_CELL = 200_000  # characters of text that are kept
MOST_IN_ALL = 8_000_000  # characters, images included
MOST_OF_A_TEST = 500_000  # whatever has been shown before, the values of a test have room
EACH = 500  # characters that an output counts for besides its own, or a million empty ones would fit


class Ended(Exception):
    """Why the rest of the notebook could not run."""


class Outputs:
    """The outputs of one cell, as far as there is room for them."""

    def __init__(self, room: int):
        self.kept, self.room, self.cut = [], room, False

    def add(self, message: dict) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self.kept.clear()
        elif kind == "stream":
            text = content["text"][: min(self.room, MOST_PER_CELL)]
            self._append({"output_type": kind, "name": content["name"], "text": text}, len(text))
            self.cut = self.cut or len(text) < len(content["text"])
        elif kind in ("display_data", "execute_result"):
            data = {mime: value for mime, value in content["data"].items() if isinstance(value, str)}
            self._append({"output_type": kind, "data": data}, sum(map(len, data.values())))
        elif kind == "error":
            error = {"ename": content["ename"][:200], "evalue": content["evalue"][:2000],
                     "traceback": [line[:4000] for line in content["traceback"][-40:]]}
            self._append({"output_type": kind, **error}, sum(map(len, error["traceback"])))

    def _append(self, output: dict, size: int) -> None:
        last = self.kept[-1] if self.kept else {}
        continues = output["output_type"] == "stream" == last.get("output_type") and last["name"] == output["name"]
        size += 0 if continues else EACH
        if size > self.room or (continues and len(last["text"]) + size > MOST_PER_CELL):
            self.cut = True
            return
        self.room -= size
        if continues:
            last["text"] += output["text"]
        else:
            self.kept.append(output)

    def result(self) -> list[dict]:
        note = {"output_type": "stream", "name": "stdout", "text": "\n[the rest of the output is left out]\n"}
        return self.kept + [note] if self.cut else self.kept


def replied(client, request: str) -> bool:
    """Whether the kernel has said, on the channel that loses nothing, that it is done with a request."""
    while client.shell_channel.msg_ready():
        if client.get_shell_msg()["parent_header"].get("msg_id") == request:
            return True
    return False


def execute(manager: KernelManager, client, source: str, seconds: float, outputs: Outputs) -> None:
    """Runs one cell; after so many seconds it is interrupted, and if it does not care, the notebook has ended."""
    request = client.execute(source, allow_stdin=False, stop_on_error=False)
    deadline, interrupted = time.monotonic() + seconds, False
    done, last = False, time.monotonic()
    while True:
        if time.monotonic() > deadline:
            if interrupted:
                raise Ended(f"a cell ran longer than {seconds:g} s and ignored the interrupt")
            manager.interrupt_kernel()
            interrupted, deadline = True, time.monotonic() + GRACE
        try:
            message = client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            if not manager.is_alive():
                raise Ended("the kernel died") from None
            done = done or replied(client, request)
            if done and time.monotonic() > last + QUIET:  # in a flood of outputs, the last of them can be lost
                break
            continue
        last = time.monotonic()
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
        outputs.add(message)
    if interrupted:
        text = f"This cell ran longer than {seconds:g} s and was interrupted."
        outputs.kept.append({"output_type": "error", "ename": "TimeLimit", "evalue": text, "traceback": [text]})


def run(job: dict) -> dict:
    cells, room, ended = [], MOST_IN_ALL, None
    with tempfile.TemporaryDirectory() as folder:
        connection = str(Path(folder) / "kernel.json")
        manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=connection)
        manager.start_kernel(extra_arguments=["--HistoryManager.enabled=False"], cwd=folder)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready()
            for cell in job["cells"]:
                outputs = Outputs(MOST_OF_A_TEST if cell["is_test"] else room)
                cells.append({"id": cell["id"], "outputs": outputs.kept})
                execute(manager, client, cell["source"], job["cell_seconds"], outputs)
                cells[-1]["outputs"] = outputs.result()
                room = room if cell["is_test"] else outputs.room
        except Ended as reason:
            ended = str(reason)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    return {"cells": cells, "ended": ended}


if __name__ == "__main__":
    # The kernel inherits the standard streams; the result goes out through a copy that it does not inherit.
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    text = json.dumps(run(json.load(sys.stdin)))
    with os.fdopen(out, "w") as pipe:
        pipe.write(text)
