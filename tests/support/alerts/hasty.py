"""The shipped rules and routes with less patience, by one rule for all of them.

Every `for`, `keep_firing_for`, `interval`, every window and every offset is divided by SCALE, and
no window gets shorter than SHORTEST seconds, five scrapes. Nothing else is touched: expressions,
thresholds, labels and texts are the shipped ones.
"""

import re

SCALE = 120
SHORTEST = 5
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = r"\d+[smhd]"


def seconds(text, least):
    """A duration, divided."""
    return f"{max(least, round(int(text[:-1]) * UNITS[text[-1]] / SCALE))}s"


def rules(text):
    text = re.sub(rf"\[({DURATION})\]", lambda m: f"[{seconds(m[1], SHORTEST)}]", text)
    text = re.sub(rf"\boffset ({DURATION})", lambda m: f"offset {seconds(m[1], SHORTEST)}", text)
    key = rf"(?m)^( +(?:for|keep_firing_for|interval): )({DURATION})$"
    return re.sub(key, lambda m: m[1] + seconds(m[2], 1), text)


def routes(text, receiver):
    """The Alertmanager's, sent to another receiver."""
    key = rf"(?m)^( +(?:group_wait|group_interval|repeat_interval): )({DURATION})$"
    text = re.sub(key, lambda m: m[1] + seconds(m[2], 1), text)
    return text.replace("http://127.0.0.1:9095", receiver)
