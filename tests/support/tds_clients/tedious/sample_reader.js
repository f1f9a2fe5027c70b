// Reads samples with tedious: node sample_reader.js HOST PORT plain|tls|strict CERTIFICATE
//
// Standard input has a sample's name on each line; standard output gets a line of JSON for each. The name "echo" sends
// parameters, at once and by a prepared statement, and shows what comes back.
'use strict';

const fs = require('fs');
const readline = require('readline');
const { Connection, Request, TYPES } = require('tedious');

const [host, port, mode, certificate] = process.argv.slice(2);

function text(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (Buffer.isBuffer(value)) return '0x' + value.toString('hex');
  if (value instanceof Date) {
    // Milliseconds, and beside them what is left of the 100 ns units, in seconds.
    const rest = Math.round((value.nanosecondsDelta || 0) * 1e7);
    return value.toISOString().replace('T', ' ').replace('Z', '') + String(rest).padStart(4, '0');
  }
  if (Object.is(value, -0)) return '-0.0';
  return String(value);
}

function read(connection, sample) {
  return new Promise((resolve) => {
    const values = [];
    const request = new Request(`SELECT id, v FROM sample.${sample}`, (error) => {
      resolve(error ? { sample, error: String(error) } : { sample, values });
    });
    request.on('row', (columns) => values.push(text(columns[1].value)));
    connection.execSqlBatch(request);
  });
}

const SENT = [
  ['a', TYPES.Int, 7], ['b', TYPES.BigInt, '-1099511627776'], ['c', TYPES.NVarChar, "日本 😀 it's"], ['d', TYPES.NVarChar, ''],
  ['e', TYPES.VarBinary, Buffer.from([0, 255])], ['f', TYPES.Float, 0.1], ['g', TYPES.NVarChar, 'x'.repeat(9000)],
  ['h', TYPES.NVarChar, null],
];

function once(connection, begin) {
  return new Promise((resolve, reject) => {
    let values = null;
    const request = new Request('SELECT @a, @b, @c, @d, @e, @f, @g, @h', (error) => (error ? reject(error) : resolve(values)));
    request.on('row', (columns) => { values = columns.map((column) => text(column.value)); });
    begin(request, resolve);
  });
}

async function echo(connection) {
  const direct = await once(connection, (request) => {
    SENT.forEach(([name, type, value]) => request.addParameter(name, type, value));
    connection.execSql(request);
  });
  const prepared = await once(connection, (request) => {
    SENT.forEach(([name, type]) => request.addParameter(name, type));
    request.on('prepared', () => connection.execute(request, Object.fromEntries(SENT.map(([name, , value]) => [name, value]))));
    connection.prepare(request);
  });
  if (JSON.stringify(direct) !== JSON.stringify(prepared)) return { sample: 'echo', error: JSON.stringify([direct, prepared]) };
  return { sample: 'echo', values: direct };
}

async function main() {
  const connection = new Connection({
    server: host,
    authentication: { type: 'default', options: { userName: 'sa', password: 'secret' } },
    options: {
      port: Number(port),
      database: 'db1',
      encrypt: { plain: false, tls: true, strict: 'strict' }[mode],
      trustServerCertificate: false,
      serverName: 'localhost',
      cryptoCredentialsDetails: mode === 'plain' ? {} : { ca: fs.readFileSync(certificate) },
      connectTimeout: 15000,
    },
  });
  await new Promise((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await (line.trim() === 'echo' ? echo(connection) : read(connection, line.trim()))) + '\n');
  }
  connection.close();
}

main().catch((error) => {
  process.stderr.write(String(error) + '\n');
  process.exitCode = 1;
});
