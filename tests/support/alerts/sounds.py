"""Files of sound, good and bad."""

import array
import random
import subprocess
import wave


def wav(path, rate, channels, seconds, sample):
    values = array.array("h", (sample(i) for i in range(int(rate * seconds) * channels)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(values.tobytes())


def noise(amplitude, seed=7):
    source = random.Random(seed)
    return lambda _: source.randint(-amplitude, amplitude)


def damaged(folder):
    """AAC of which some frames are broken inside."""
    whole, broken = folder / "whole.wav", folder / "broken.aac"
    wav(whole, 8000, 1, 40, noise(4000))
    command = ["ffmpeg", "-v", "error", "-i", whole, "-c:a", "aac", "-f", "adts", broken]
    subprocess.run([str(word) for word in command], check=True)
    data = bytearray(broken.read_bytes())
    source, at, frame = random.Random(7), 0, 0
    while at + 7 < len(data):
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        if frame % 2:
            data[at + 7 : at + length] = source.randbytes(length - 7)
        at, frame = at + length, frame + 1
    broken.write_bytes(data)


def all_of_them(folder):
    wav(folder / "healthy.wav", 8000, 1, 40, noise(4000))
    wav(folder / "twice.wav", 16000, 1, 40, noise(4000))
    wav(folder / "stuck.wav", 8000, 1, 1, noise(4000))
    wav(folder / "zero.wav", 8000, 1, 10, lambda _: 0)
    wav(folder / "quiet.wav", 8000, 1, 40, noise(5))
    wav(folder / "loud.wav", 8000, 1, 40, lambda i: 32767 if i // 8 % 2 else -32768)
    wav(folder / "large.wav", 192000, 2, 4, noise(4000))
    wav(folder / "greedy.wav", 768000, 2, 1, noise(4000))
    damaged(folder)
