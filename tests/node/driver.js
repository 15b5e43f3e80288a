'use strict';
// Plays programs on Node's `net`, as driver.py does on our reactor; drivers.py says what lines both speak.

const crypto = require('crypto');
const net = require('net');
const readline = require('readline');

const SETTLED = 6; // turns of the loop after which what could happen without the outside has happened
const SHORT = 64; // bytes of data that are told as they are

let names = null; // node_names.TABLE: ours -> Node's
const plays = new Map();

function tell(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

function pattern(size) { // the bytes that raw.pattern makes
  return Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
}

function content(data) {
  return data !== null && typeof data === 'object' ? pattern(data.pattern) : data;
}

function errorName(error) {
  if (!error) return null;
  if (error.errors) return `${names.errors.AggregateError}(${error.errors.map((one) => one.message).join(', ')})`;
  return names.errors[error.code] || (String(error.code).startsWith('ERR_') ? error.code : error.message);
}

class Boom extends Error {} // what a program's listener raises

// How each event's arguments are told.
const ARGUMENTS = {
  close: (hadError) => [hadError ? 'with an error' : null],
  error: (error) => [errorName(error)],
  lookup: (error, address, family, host) => [error ? errorName(error) : `${host} is ${address} (IPv${family})`],
  connectionAttempt: (address, port, family) => [`${address} (IPv${family})`],
  connectionAttemptFailed: (address, port, family, error) => [errorName(error)],
  connectionAttemptTimeout: (address, port, family) => [`${address} (IPv${family})`],
  drop: (data) => [`from ${data.remoteAddress}`],
};

class Conn {
  constructor(play, who, socket) {
    this.play = play;
    this.who = who;
    this.socket = socket;
    this.reactions = new Map(Object.entries(play.program)); // each is played once
    this.run = null; // the digest of consecutive data
    this.corks = 0;
    for (const event of play.events) {
      const theirs = names.events[event];
      if (event === 'data') socket.on('data', (data) => this.heard(data));
      else socket.on(theirs, (...args) => this.happened(event, ...(ARGUMENTS[theirs] || (() => []))(...args)));
    }
  }

  heard(data) {
    const bytes = Buffer.from(data);
    const text = typeof data === 'string' ? '' : null;
    if (this.run !== null && typeof this.run.text !== typeof text) this.run = null;
    this.run = this.run || { hash: crypto.createHash('sha1'), size: 0, text, head: '' };
    this.run.hash.update(bytes);
    this.run.size += bytes.length;
    if (this.run.text !== null) this.run.text += data;
    else if (this.run.head.length <= SHORT) this.run.head += bytes.toString('latin1', 0, SHORT);
    tell({ id: this.play.id, who: this.who, event: 'data', size: this.run.size, got: bytes.length, text: this.run.text,
           head: this.run.head.slice(0, SHORT), sha1: this.run.hash.copy().digest('hex') });
    this.react('data');
  }

  happened(event, detail = null) {
    this.run = null;
    tell({ id: this.play.id, who: this.who, event, detail });
    this.react(detail === null ? event : `${event} ${detail}`);
    if (detail !== null) this.react(event);
  }

  react(event) {
    const actions = this.reactions.get(event);
    if (actions === undefined) return;
    this.reactions.delete(event);
    for (const [name, ...args] of actions) {
      try {
        this.act(name, args);
      } catch (error) {
        if (error instanceof Boom) throw error;
        this.happened('raised', errorName(error));
      }
    }
  }

  callback(name) {
    return name === undefined || name === null ? undefined : (error) => this.happened(`callback ${name}`, errorName(error));
  }

  act(name, args) {
    const socket = this.socket;
    const call = names.calls[name];
    switch (name) {
      case 'write': {
        const accepted = socket[call](content(args[0]), this.callback(args[1]));
        if (!accepted) this.happened('write returned false');
        break;
      }
      case 'end': // a third argument is a deadline, which Node does not have
        socket[call](...(args.length && args[0] !== null ? [content(args[0])] : []), this.callback(args[1]));
        break;
      case 'destroy':
        socket[call](...args.map((text) => new Error(text)));
        break;
      case 'set_timeout':
        socket[call](args[0] * 1000, args[1] === undefined ? undefined : () => this.happened(`listener ${args[1]}`));
        break;
      case 'pipe':
      case 'unpipe': // to the connection of that number
        socket[call](this.play.conns[args[0] - 1].socket, ...args.slice(1));
        break;
      case 'writelines':
        socket.cork();
        for (const text of args[0]) socket.write(text);
        socket.uncork();
        break;
      case 'corked': // what corked() holds in ours
        socket.cork();
        for (const [inner, ...rest] of args[0]) this.act(inner, rest);
        socket.uncork();
        break;
      case 'ask': {
        const value = socket[names.attributes[args[0]]];
        this.happened(`${args[0]} is`, args[0] === 'state' ? names.states[value] : String(value));
        break;
      }
      case 'is': {
        const value = socket[names.attributes[args[0]]];
        this.happened(`${args[0]} is ${value === args[1] ? '' : 'not '}${args[1]}`);
        break;
      }
      case 'listen again': {
        const second = net.createServer();
        second.on('error', (error) => this.happened('error of the server', error.message));
        second.listen(this.play.server.address().port, '127.0.0.1');
        break;
      }
      case 'raise':
        throw new Boom(args[0]);
      case 'later':
        setTimeout(() => this.happened('later'), args[0] * 1000);
        break;
      case 'server.close':
        this.play.closeServer(args[0]);
        break;
      default:
        socket[call](...args);
    }
  }
}

class Play {
  constructor(message) {
    this.id = message.id;
    this.program = message.program;
    this.events = message.events;
    this.conns = [];
    this.server = null;
  }

  settings(message, more) {
    const made = { ...more };
    for (const [name, value] of Object.entries(message.options)) {
      if (name in names.settings) made[names.settings[name]] = name === 'attempt_delay' ? value * 1000 : value;
    }
    return made;
  }

  say(event, detail = null) {
    tell({ id: this.id, who: 0, event, detail });
  }

  add(socket) {
    const conn = new Conn(this, this.conns.length + 1, socket);
    this.conns.push(conn);
    return conn;
  }

  serve(message) {
    const settings = this.settings(message);
    const server = this.server = net.createServer(settings);
    if (settings.maxConnections !== undefined) server.maxConnections = settings.maxConnections;
    server.on('connection', (socket) => this.add(socket).happened('connection'));
    for (const [ours, theirs] of Object.entries(names.serverEvents)) {
      server.on(theirs, (...args) => this.say(ours, ...(ARGUMENTS[theirs === 'close' ? '' : theirs] || (() => []))(...args)));
    }
    server.on('error', (error) => this.say('error', errorName(error)));
    const where = typeof message.target === 'string' ? [message.target] : [message.target[1], message.target[0]];
    server.listen(...where, () => this.say('serving', server.address().port));
  }

  connect(message) {
    const target = typeof message.target === 'string' ? { path: message.target } :
      { host: message.target[0], port: message.target[1] };
    const extra = { autoSelectFamily: true, ...target };
    if (message.options.lookup !== undefined) extra.lookup = lookupBy(message.options.lookup, this);
    const socket = net.connect(this.settings(message, extra));
    this.add(socket).happened('start');
  }

  closeServer(name) {
    this.server.close((error) => this.say(`callback ${name}`, errorName(error)));
  }

  finish() {
    for (const { socket } of this.conns) {
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
    }
    if (this.server) {
      this.server.removeAllListeners();
      if (this.server.listening) this.server.close();
    }
    plays.delete(this.id);
    tell({ id: this.id, finished: true });
  }
}

// A lookup that answers with addresses, with an error, or never.
function lookupBy(answer, play) {
  return (host, options, done) => {
    if (answer === 'never') return;
    if (typeof answer === 'string') {
      const error = Object.assign(new Error(`getaddrinfo ${answer} ${host}`), { code: answer, syscall: 'getaddrinfo' });
      setImmediate(done, error);
      return;
    }
    const found = answer.map((address) => ({ address, family: net.isIP(address) }));
    setImmediate(() => options.all ? done(null, found) : done(null, found[0].address, found[0].family));
  };
}

function settle(id, turns) {
  if (turns) setImmediate(settle, id, turns - 1);
  else tell({ id, settled: true });
}

const ORDERS = {
  names: (message) => { names = message.names; tell({ version: process.versions.node }); },
  play: (message) => {
    const play = new Play(message);
    plays.set(play.id, play);
    if (message.role === 'server') play.serve(message);
    else play.connect(message);
  },
  tell: (message) => {
    const play = plays.get(message.id);
    play.conns[message.who - 1].react(`told ${message.word}`);
    settle(message.id, SETTLED);
  },
  settle: (message) => settle(message.id, SETTLED),
  finish: (message) => plays.get(message.id).finish(),
};

process.on('uncaughtException', (error) => {
  for (const play of plays.values()) play.say('the process would have died', errorName(error));
});
const orders = readline.createInterface({ input: process.stdin });
orders.on('line', (line) => {
  const message = JSON.parse(line);
  ORDERS[message.do](message);
});
orders.on('close', () => process.exit());
