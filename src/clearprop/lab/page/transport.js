/** Ways to a session. Each has `connect({onMessage, onState}) -> {send(message), close()}`, where the
 * state is "open", "closed" or "refused". */

/** To the session that serves this page, over a WebSocket; comes back by itself after a break. */
export const websocket = {
  connect({ onMessage, onState }) {
    let socket, closed = false, wait = 250;
    const waiting = [];
    const open = () => {
      const address = new URL("session", location.href);
      address.protocol = address.protocol.replace("http", "ws");
      address.hash = "";
      address.search = location.search;
      socket = new WebSocket(address);
      socket.onopen = () => {
        wait = 250;
        onState("open");
        for (const text of waiting.splice(0)) socket.send(text);
      };
      socket.onmessage = (event) => onMessage(JSON.parse(event.data));
      socket.onclose = () => {
        if (closed) return;
        onState("closed");
        setTimeout(open, wait);
        wait = Math.min(2 * wait, 4000);
      };
    };
    open();
    return {
      send(message) {
        const text = JSON.stringify(message);
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
        else if (message.type !== "hello") waiting.push(text);
      },
      close() {
        closed = true;
        socket.close();
      },
    };
  },
};
