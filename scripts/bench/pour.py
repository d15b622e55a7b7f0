"""Pours a recording into FIFOs at its own pace, ten times a second, as recorders do.

`pour.py WAV FIFO...`: 16 bit, over and over. A FIFO without a reader is left out; a
reader that comes hears it from then on.
"""

import os
import signal
import sys
import time
import wave

PERIOD = 0.1


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with wave.open(sys.argv[1]) as recording:
        step = int(recording.getframerate() * PERIOD)
        audio = recording.readframes(recording.getnframes())
        size = step * recording.getsampwidth() * recording.getnchannels()
    pieces = [audio[at : at + size] for at in range(0, len(audio) - size + 1, size)]
    outlets = dict.fromkeys(sys.argv[2:])
    due = time.monotonic()
    number = 0
    while True:
        for path, outlet in outlets.items():
            outlets[path] = pour(path, outlet, pieces[number % len(pieces)])
        number += 1
        due += PERIOD
        time.sleep(max(0.0, due - time.monotonic()))


def pour(path, outlet, piece):
    """Writes one piece; yields the open end, or `None` while nobody reads."""
    try:
        if outlet is None:
            outlet = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        # A reader that does not keep up loses what does not fit.
        os.write(outlet, piece)
    except BlockingIOError:
        pass
    except OSError:
        if outlet is not None:
            os.close(outlet)
        return None
    return outlet


if __name__ == "__main__":
    main()
