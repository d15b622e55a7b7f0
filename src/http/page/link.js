// The connection that tells what happens. It mends itself.

const LATE_MS = 3_500;
const DEAD_MS = 15_000;
const LONGEST_PAUSE_MS = 4_000;

// `tell(message)` gets every message; `show({live, since})` how the connection is: `since` is
// when the last picture came.
export function link(tell, show) {
  let socket = null;
  let pause = 250;
  let retry = null;
  let last = null;

  const report = () => {
    const age = last ? Date.now() - last : Infinity;
    const open = socket?.readyState === WebSocket.OPEN;
    show({ live: open && age < LATE_MS, open, since: last ? new Date(last) : null });
    if (open && age > DEAD_MS && last) socket.close();
  };

  const again = () => {
    if (retry !== null) return;
    retry = setTimeout(open, pause * (0.5 + Math.random() / 2));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  };

  function open() {
    if (retry !== null) clearTimeout(retry);
    retry = null;
    if (socket && socket.readyState <= WebSocket.OPEN) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}/api/v1/events`);
    socket = mine;
    mine.onmessage = ({ data }) => {
      let message;
      try {
        message = JSON.parse(data);
      } catch {
        return;
      }
      if (message.type === "snapshot") {
        last = Date.now();
        pause = 250;
      }
      tell(message);
      report();
    };
    mine.onclose = () => {
      if (socket !== mine) return;
      report();
      again();
    };
  }

  setInterval(report, 1_000);
  addEventListener("online", open);
  document.addEventListener("visibilitychange", () => document.hidden || open());
  open();
  report();
}
