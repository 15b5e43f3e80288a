// Node's net. See __init__.py for the roles.
'use strict';

const fs = require('fs');
const net = require('net');

const [role, value] = process.argv.slice(2);
const GREETING = 'goodbye\n';
const WELCOME = 'welcome\n';
const BLOCK = Buffer.alloc(65536);
for (let at = 0; at < BLOCK.length; at++) BLOCK[at] = at * 31 + (at >> 8);

const sockets = new Set();

function echo(socket) {
  socket.on('data', (data) => {
    if (!socket.write(data)) socket.pause();
  });
  socket.on('drain', () => socket.resume());
}

function echoTimeout(socket) {
  echo(socket);
  socket.setTimeout(Number(value) * 1000, () => socket.end());
}

function lines(socket) {
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('data', (data) => {
    const whole = (rest + data).split('\n');
    rest = whole.pop();
    let more = true;
    for (const line of whole) more = socket.write(line + '\n', 'latin1');
    if (!more) socket.pause();
  });
  socket.on('drain', () => socket.resume());
}

// Nobody listens: without resume() the peer's FIN would not be read.
function greet(socket) {
  socket.resume();
  socket.end(GREETING);
}

function push(socket) {
  let left = Number(value) / BLOCK.length;
  const more = () => {
    while (left > 0) {
      left--;
      if (!socket.write(BLOCK)) return;
    }
    socket.off('drain', more);
    socket.end();
  };
  socket.resume();
  socket.on('drain', more);
  more();
}

function sendFile(socket) {
  socket.resume();
  fs.createReadStream(value).pipe(socket);
}

function fanout(socket) {
  sockets.add(socket);
  socket.write(WELCOME);
  socket.on('data', (data) => {
    for (const other of sockets) other.write(data);
  });
  socket.on('close', () => sockets.delete(socket));
}

function stop(socket) {
  sockets.add(socket);
  socket.resume();
  socket.write(pending);
  socket.on('close', () => sockets.delete(socket));
}

const pending = Buffer.alloc(role === 'stop' ? Number(value) : 0, BLOCK);
const ROLES = {echo, echo_timeout: echoTimeout, lines, greet, push, file: sendFile, fanout, stop};

function timers(count) {
  const LIVE = 10000;
  const A_TURN = 1000;
  const cpu = () => {
    const used = process.cpuUsage();
    return (used.user + used.system) / 1e6;
  };
  const nothing = () => {};
  const live = Array.from({length: LIVE}, () => setTimeout(nothing, 60000));
  let oldest = 0;
  let left = count;
  let begun = cpu();
  const found = {};

  const fire = () => {
    found.cancel = (cpu() - begun) / count;
    live.forEach(clearTimeout);
    begun = cpu();
    let fired = 0;
    const one = () => {
      if (++fired < count) return;
      found.fire = (cpu() - begun) / count;
      console.log(JSON.stringify(found));
    };
    for (let number = 0; number < count; number++) setTimeout(one, (number / count) * 1000);
  };
  const some = () => {
    for (let i = 0; i < A_TURN; i++) {
      clearTimeout(live[oldest]);
      live[oldest] = setTimeout(nothing, 60000);
      oldest = (oldest + 1) % LIVE;
    }
    left -= A_TURN;
    setImmediate(left > 0 ? some : fire);
  };
  some();
}

if (role === 'timers') {
  timers(Number(value));
} else {
  const server = net.createServer({noDelay: true}, ROLES[role]);
  server.listen({port: 0, host: '127.0.0.1', backlog: 4096}, () => console.log(server.address().port));
  process.on('SIGTERM', () => {
    server.close(); // the process exits when the last one is gone
    for (const socket of sockets) socket.end();
  });
}
