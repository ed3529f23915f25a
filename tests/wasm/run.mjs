// Runs scripts in 32-bit MicroPython (WebAssembly) for tests/mp.py: `node run.mjs < specification.json`.
//
// specification: {
//   heapsize: bytes of the first heap area (this port adds areas when it is full: it measures, it does not limit),
//   pystack:  words for function states (they are not taken from the heap on this port),
//   copy:     host files and folders, copied into the interpreter's file system under the same absolute path,
//   path:     sys.path entries put first,        argv: sys.argv,
//   stages:   [{file} | {code}], each one top-level call: garbage is collected only between such calls
// }
// Output goes through as it comes. Exit status: that of SystemExit, 1 after another exception (traceback on stderr).

import fs from 'node:fs';
import path from 'node:path';
import { loadMicroPython } from '@micropython/micropython-webassembly-pyscript/micropython.mjs';

const SKIPPED = new Set(['__pycache__', 'node_modules', '.git', '.venv']);

function copyIn(FS, host) {
  if (fs.statSync(host).isDirectory()) {
    FS.mkdirTree(host);
    for (const name of fs.readdirSync(host)) {
      if (!SKIPPED.has(name)) copyIn(FS, path.join(host, name));
    }
  } else {
    FS.mkdirTree(path.dirname(host));
    FS.writeFile(host, fs.readFileSync(host));
  }
}

// Lines are written synchronously: process.exit() must not cut off what a pipe has not taken yet.
class Output {
  constructor(fd) {
    this.fd = fd;
    this.bytes = [];
  }
  write(piece) {
    for (const byte of piece) {
      this.bytes.push(byte);
      if (byte === 10) this.flush();
    }
  }
  flush() {
    const rest = Uint8Array.from(this.bytes);
    this.bytes = [];
    for (let done = 0; done < rest.length; ) done += fs.writeSync(this.fd, rest, done);
  }
  line(text) {
    this.write(new TextEncoder().encode(text + '\n'));
  }
}

const stdout = new Output(1);
const stderr = new Output(2);

const spec = JSON.parse(fs.readFileSync(0, 'utf8'));
const mp = await loadMicroPython({
  heapsize: spec.heapsize,
  pystack: spec.pystack,
  stdout: (piece) => stdout.write(piece),
  stderr: (piece) => stderr.write(piece),
  linebuffer: false, // its own line buffer loses a last line without an end
});
for (const host of spec.copy) copyIn(mp.FS, host);
mp.runPython(`import sys\nsys.path[:0] = ${JSON.stringify(spec.path)}\nsys.argv[:] = ${JSON.stringify(spec.argv)}\ndel sys`);

let status = 0;
for (const stage of spec.stages) {
  try {
    mp.runPython(stage.code ?? fs.readFileSync(stage.file, 'utf8'));
  } catch (error) {
    if (error.name !== 'PythonError') throw error;
    if (error.type === 'SystemExit') {
      const value = error.message.trimEnd().split('\n').pop().replace(/^SystemExit:? */, '');
      if (value === '' || value === 'None' || value === '0') continue;
      const number = /^-?\d+$/.test(value);
      if (!number) stderr.line(value);
      status = number ? Number(value) & 0xff : 1;
    } else {
      stderr.line(error.message.trimEnd());
      status = 1;
    }
    break;
  }
}
stdout.flush();
stderr.flush();
process.exit(status);
