#!/usr/bin/env node
/**
 * A resilient client for answers streamed by the Claude Messages API, in one module without dependencies (Node >= 20).
 * It delivers the answer once and whole, or throws an error that holds the text so far.
 *
 *     import { StreamClient } from './streamproof.mjs';
 *
 *     const client = new StreamClient({ apiKey: process.env.ANTHROPIC_API_KEY });
 *     for await (const event of client.stream(request)) {
 *       if (event.type === 'text') process.stdout.write(event.text);
 *     }
 *
 * It is the twin of the Python package around it: the sections are named after the modules there, keep the same rules,
 * and tell them in full there. Judgement is pure (`Session.handle(input, now)` returns actions: no socket, clock or
 * chance inside); the section `transport` is the only one that knows a socket. Times are in seconds, sizes in bytes.
 * Run as a program it reads jobs in JSON and prints events, see the last section.
 */
import { realpathSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

/** @typedef {Record<string, any>} Json A JSON object. */

// ---- text -----------------------------------------------------------------------------------------------------------
// What Python's `str` knows and `String` sees otherwise: white space, and characters that take two code units.

const WHITE =
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a' +
  '\u2028\u2029\u202f\u205f\u3000';
const IS_WHITE = new Set(WHITE);
const NOT_WHITE = new RegExp(`[^${WHITE}]`);

/** @param {string} text */
const isBlank = (text) => !NOT_WHITE.test(text);

/** `text` without white space at its end. @param {string} text */
function trimmed(text) {
  let end = text.length;
  while (end > 0 && IS_WHITE.has(text[end - 1])) end--;
  return text.slice(0, end);
}

/** How many code units the character at `at` has. */
function unitsAt(/** @type {string} */ text, /** @type {number} */ at) {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** Where in `text` its first `count` characters end; `text.length` when it has fewer. */
function endOf(/** @type {string} */ text, /** @type {number} */ count) {
  let end = 0;
  for (; count > 0 && end < text.length; count--) end += unitsAt(text, end);
  return end;
}

/** How many characters `text` has, counted up to `most`. */
function countUpTo(/** @type {string} */ text, /** @type {number} */ most) {
  let [count, end] = [0, 0];
  for (; count < most && end < text.length; count++) end += unitsAt(text, end);
  return count;
}

/** @returns {value is Json} */
const isObject = (/** @type {unknown} */ value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @returns {any[]} */
const listOf = (/** @type {unknown} */ value) => (Array.isArray(value) ? value : []);

/** A value of somebody else's JSON in a text; `String` would call what it finds there, and throw. */
const said = (/** @type {unknown} */ value) =>
  Array.isArray(value) ? 'a list' : isObject(value) ? 'an object' : String(value);

// ---- errors ---------------------------------------------------------------------------------------------------------

/** Base of everything that this client throws. What a lower layer threw is the `cause`. */
export class StreamError extends Error {
  /** The text that the user has been shown, complete up to where it stops. */
  partial = '';
  /** Content that may be sent back as an assistant turn: text, signed thinking, no tool calls. @type {Json[]} */
  blocks = [];
  /** `request-id` of every response that came, oldest first. @type {string[]} */
  requestIds = [];
  /** The errors of the attempts before the last one, oldest first. @type {StreamError[]} */
  earlier = [];
  /** How many requests were made in all. */
  attempts = 1;
  /** Whether the same request may succeed a moment later. */
  retryable = true;
  /** Whether the request of this attempt reached a server; null when nobody can tell. @type {boolean | null} */
  reached = true;

  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }

  /** Whether any request of the call reached a server; null when nobody can tell. @returns {boolean | null} */
  get sent() {
    const told = [...this.earlier, this].map((error) => error.reached);
    if (told.includes(true) || this.attempts > told.length) return true; // a paused turn was answered without an error
    return told.includes(null) ? null : false;
  }

  /** `request-id` of the last response, null when none came. */
  get requestId() {
    return this.requestIds.at(-1) ?? null;
  }

  /** The error with which it began; itself when nothing failed before. */
  get firstCause() {
    return this.earlier[0] ?? this;
  }

  toString() {
    const tries = ` (after ${this.attempts} attempts; first: ${this.firstCause.message})`;
    return `${this.name}: ${this.message}${this.earlier.length ? tries : ''}`;
  }
}

/** The URL, a header or the body cannot be sent as it is. */
export class RequestNotSendable extends StreamError {
  retryable = false;
  reached = false;
}
/** The HTTP client, or what was put into it, threw something that no server and no network can cause. */
export class TransportBroken extends StreamError {
  retryable = false;
  /** @type {boolean | null} */
  reached = null;
}
/** No connection could be made: nothing was sent. */
export class ConnectionFailed extends StreamError {
  reached = false;
}
/** The connection broke while the response was being read. */
export class ConnectionLost extends StreamError {}
/** The request was sent and the connection broke before a status line came. */
export class NoResponse extends ConnectionLost {}
/** A deadline passed; the message says which. */
export class Stalled extends StreamError {}
/** The body ended as HTTP says it should, and the answer had not ended. */
export class AnswerTruncated extends StreamError {}
/** Malformed JSON, invalid UTF-8, events out of order, a tool input that does not parse. */
export class ProtocolError extends StreamError {}
/** The input of a tool call is not one whole JSON object. It is never repaired. */
export class ToolInputBroken extends ProtocolError {
  /** @param {string} message @param {{tool?: string, raw?: string} & ErrorOptions} [options] */
  constructor(message, { tool = '', raw = '', ...options } = {}) {
    super(message, options);
    /** Name of the tool. */
    this.tool = tool;
    /** The input as far as it came. */
    this.raw = raw;
  }
}
/** A line, an event or a body is larger than the limit that is set for it. */
export class LimitExceeded extends ProtocolError {}
/** A 200 that carries something else than an answer: a login page, a coding that nobody asked for. */
export class WrongContentType extends ProtocolError {}
/** The message is over for a reason that this client cannot call a success. */
export class UnknownStopReason extends StreamError {
  retryable = false;
}

/** The server reported an error, by status or by an `error` event. */
export class ApiError extends StreamError {
  /** Seconds that the server asks to wait; null when it did not say, or said nonsense. @type {number | null} */
  retryAfter = null;

  /** @param {string} message @param {{status?: number, kind?: string | null} & ErrorOptions} [options] */
  constructor(message, { status = 0, kind = null, ...options } = {}) {
    super(message, options);
    /** HTTP status that was really received; 200 for an error event inside a stream. */
    this.status = status;
    /** `error.type` of the body or the event; null when there was none. */
    this.kind = kind;
  }
}
/** Too many requests or tokens; waits longer than other errors. */
export class RateLimited extends ApiError {}
/** The API is overloaded. */
export class Overloaded extends ApiError {}
/** The server failed in a way that may pass. */
export class ServerFailed extends ApiError {}
/** The same request would be refused again. */
export class RequestRefused extends ApiError {
  retryable = false;
}
/** The key is missing, wrong, expired or not allowed to do this. */
export class NotAuthorized extends RequestRefused {}
/** The prompt is larger than the API takes. */
export class PromptTooLarge extends RequestRefused {}

// ---- answer and events ----------------------------------------------------------------------------------------------

/**
 * @typedef {'complete' | 'truncated' | 'refused' | 'paused' | 'incomplete' | 'failed' | 'cancelled'} Outcome
 *
 * @typedef {object} ToolCall A tool call whose input is whole, of a turn that ended normally.
 * @property {string} id
 * @property {string} name
 * @property {Json} input
 *
 * @typedef {object} Answer What a call came to.
 * @property {Outcome} outcome
 * @property {string} text All text blocks, joined; what the events of the call added up to.
 * @property {string | null} stopReason
 * @property {string | null} stopSequence
 * @property {Json | null} stopDetails Why the model refused, as the API tells it.
 * @property {ToolCall[]} toolCalls
 * @property {Json[]} content The content blocks as the API wants them back. An answer that broke off has no tool calls
 *   here, so it may be sent back as an assistant turn.
 * @property {Json[]} unknownDeltas Deltas of kinds that this client does not know, as they came.
 * @property {Json | null} container Where the server ran code; its `id` leads the next request to the same files.
 * @property {Json} usage As the API counted it for the attempt that gave the answer.
 * @property {Tokens} billed Summed over all attempts.
 * @property {Tokens} wasted Summed over the attempts of which nothing is in the answer.
 * @property {string | null} model The model that answered, as the API names it.
 * @property {string | null} messageId
 * @property {string[]} requestIds `request-id` of every response, oldest first.
 * @property {number} attempts Requests that were made.
 * @property {StreamError | null} error Why, when the outcome is incomplete or failed.
 *
 * @typedef {{type: 'text', text: string}} TextEvent More text, as soon as it came.
 * @typedef {{type: 'sentence', text: string}} SentenceEvent The same text once more, up to natural breaks.
 * @typedef {{type: 'reset'}} ResetEvent Clear the text shown so far: the answer starts over.
 * @typedef {object} NoticeEvent It takes longer than usual: another request follows.
 * @property {'notice'} type
 * @property {keyof typeof NEXT} next What the client does about it.
 * @property {number} attempt Number of the request that follows, from 1.
 * @property {number} wait Seconds until then.
 * @property {StreamError | null} error What failed; null when nothing did.
 * @typedef {{type: 'toolCall'} & ToolCall} ToolCallEvent
 * @typedef {{type: 'done', answer: Answer}} DoneEvent The call is over; always the last event.
 * @typedef {TextEvent | SentenceEvent | ResetEvent | NoticeEvent | ToolCallEvent | DoneEvent} StreamEvent
 */

/** `stop_reason` to outcome; any other reason is not called a success. @type {Map<string, Outcome>} */
const OUTCOMES = new Map([
  ['end_turn', 'complete'],
  ['stop_sequence', 'complete'],
  ['tool_use', 'complete'],
  ['max_tokens', 'truncated'],
  ['model_context_window_exceeded', 'truncated'],
  ['refusal', 'refused'],
  ['pause_turn', 'paused'],
  ['compaction', 'paused'],
]);

/** What the client does about a failure, or about a pause. */
export const NEXT = Object.freeze({
  retry: 'asks again',
  continue: 'asks for the rest',
  withoutStream: 'asks without streaming',
  elsewhere: 'asks another model or server',
  goOn: 'goes on with a turn that paused',
});

// ---- sse ------------------------------------------------------------------------------------------------------------

const [LF, CR, COLON, SPACE] = [0x0a, 0x0d, 0x3a, 0x20];
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const LENIENT = new TextDecoder('utf-8', { ignoreBOM: true });
const STRICT = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** One dispatched event. */
export class SseEvent {
  /** @param {string} name @param {Buffer} raw @param {string} lastId */
  constructor(name, raw, lastId = '') {
    /** The `event` field, `'message'` when there was none. */
    this.name = name;
    /** The `data` lines joined by LF, undecoded. */
    this.raw = raw;
    this.lastId = lastId;
  }

  /** The data as text; invalid UTF-8 becomes U+FFFD, as the standard says. */
  get data() {
    return LENIENT.decode(this.raw);
  }
}

/**
 * A Server-Sent Events decoder: bytes in, events out, the same for every chunking. Exact to WHATWG HTML 9.2.6; it stays
 * in bytes until a line is whole. Memory is bounded by the limits, time is linear in the bytes however they are cut.
 */
export class SseDecoder {
  /** The last `retry` field: reconnection time in milliseconds. @type {number | null} */
  retryMs = null;
  #maxLine;
  #maxEvent;
  #line = Buffer.alloc(256);
  #held = 0;
  /** @type {LimitExceeded | null} */
  #broken = null;
  #afterCr = false;
  #beginning = true;
  #name = '';
  /** @type {Buffer[]} */
  #data = [];
  #dataSize = 0;
  #id = '';

  constructor({ maxLineBytes = 16 << 20, maxEventBytes = 16 << 20 } = {}) {
    this.#maxLine = maxLineBytes;
    this.#maxEvent = maxEventBytes;
  }

  /**
   * Take the next bytes and return the events that they complete. When a limit is exceeded, events that were complete
   * before are returned first, and the next call throws; the decoder is of no use afterwards.
   *
   * @param {Uint8Array} data
   * @returns {SseEvent[]}
   * @throws {LimitExceeded}
   */
  feed(data) {
    if (this.#broken) throw this.#broken;
    let bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (!bytes.length) return [];
    if (this.#afterCr && bytes[0] === LF) bytes = bytes.subarray(1);
    this.#afterCr = (bytes.length ? bytes[bytes.length - 1] : LF) === CR;
    /** @type {SseEvent[]} */
    const events = [];
    try {
      this.#take(bytes, events);
    } catch (error) {
      this.#broken = /** @type {LimitExceeded} */ (error);
      if (!events.length) throw error;
    }
    return events;
  }

  #take(/** @type {Buffer} */ bytes, /** @type {SseEvent[]} */ events) {
    let [start, lf, cr] = [0, -2, -2]; // -2: not looked for yet; each byte is looked at once for either
    for (;;) {
      if (lf !== -1 && lf < start) lf = bytes.indexOf(LF, start);
      if (cr !== -1 && cr < start) cr = bytes.indexOf(CR, start);
      const end = lf === -1 ? cr : cr === -1 ? lf : Math.min(lf, cr);
      if (end === -1) break;
      const event = this.#endLine(bytes.subarray(start, end));
      if (event) events.push(event);
      start = end + (end === cr && bytes[end + 1] === LF ? 2 : 1);
    }
    this.#hold(bytes.subarray(start));
  }

  /** Keep the beginning of a line; room doubles, so that single bytes cost no more than blocks. */
  #hold(/** @type {Buffer} */ bytes) {
    const size = this.#held + bytes.length;
    this.#check(size);
    if (size > this.#line.length) this.#line = Buffer.concat([this.#line], Math.max(size, 2 * this.#line.length));
    bytes.copy(this.#line, this.#held);
    this.#held = size;
  }

  #check(/** @type {number} */ size) {
    if (size > this.#maxLine) {
      throw new LimitExceeded(`a line of the event stream is longer than ${this.#maxLine} bytes`);
    }
  }

  #endLine(/** @type {Buffer} */ line) {
    this.#check(this.#held + line.length);
    if (this.#held) {
      line = Buffer.concat([this.#line.subarray(0, this.#held), line]);
      this.#held = 0;
    }
    if (this.#beginning && line.subarray(0, 3).equals(BOM)) line = line.subarray(3);
    this.#beginning = false;
    return line.length ? this.#field(line) : this.#dispatch();
  }

  /** @returns {null} */
  #field(/** @type {Buffer} */ line) {
    const colon = line.indexOf(COLON);
    const name = colon === -1 ? line : line.subarray(0, colon);
    const value =
      colon === -1 ? line.subarray(line.length) : line.subarray(colon + (line[colon + 1] === SPACE ? 2 : 1));
    if (name.length > 5) return null;
    switch (name.toString('latin1')) {
      case 'data':
        this.#data.push(value);
        this.#dataSize += value.length + 1;
        if (this.#dataSize > this.#maxEvent) {
          throw new LimitExceeded(`an event is larger than ${this.#maxEvent} bytes`);
        }
        break;
      case 'event':
        this.#name = LENIENT.decode(value);
        break;
      case 'id':
        if (!value.includes(0)) this.#id = LENIENT.decode(value);
        break;
      case 'retry':
        if (/^[0-9]+$/.test(value.toString('latin1'))) this.retryMs = Number(value.toString('latin1', 0, 18));
        break;
    }
    return null;
  }

  #dispatch() {
    const [name, data] = [this.#name, this.#data];
    [this.#name, this.#data, this.#dataSize] = ['', [], 0];
    if (!data.length) return null;
    const raw = data.length === 1 ? data[0] : joinedByLf(data);
    return new SseEvent(name || 'message', raw, this.#id);
  }
}

function joinedByLf(/** @type {Buffer[]} */ lines) {
  const newline = Buffer.of(LF);
  return Buffer.concat(lines.flatMap((line, number) => (number ? [newline, line] : [line])));
}

// ---- dialects/anthropic ---------------------------------------------------------------------------------------------
// Unknown events and unknown fields pass; what cannot be understood throws, because skipping it could leave a hole.

const VERSION = '2023-06-01';
const PATH = '/v1/messages';

/**
 * @typedef {{type: 'messageStart', message: Json}
 *   | {type: 'blockStart', index: number, block: Json}
 *   | {type: 'blockDelta', index: number, delta: Json}
 *   | {type: 'blockStop', index: number}
 *   | {type: 'messageDelta', delta: Json, usage: unknown}
 *   | {type: 'messageStop'}
 *   | {type: 'error', error: ApiError}
 *   | {type: 'noContent', kind: string}} MessageEvent A ping, a nameless event without data or an unknown kind has no content.
 */

/** Events that say something, so that one without data has lost it. */
const SPEAKING = new Set([
  'message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta',
]);

/** The typed event in `sse`. @param {SseEvent} sse @returns {MessageEvent} @throws {ProtocolError} */
function parse(sse) {
  const isEmpty = sse.raw.every((byte) => byte === SPACE || (byte > 0x08 && byte < 0x0e));
  if (sse.name === 'error') return { type: 'error', error: errorInStream(sse.raw) };
  if (isEmpty && !SPEAKING.has(sse.name)) return { type: 'noContent', kind: sse.name };
  const fields = decodeObject(sse.raw, sse.name);
  const kind = fields.type ?? (sse.name === 'message' && isSomething(fields.error) ? 'error' : sse.name);
  if (SPEAKING.has(sse.name) && !SPEAKING.has(kind) && kind !== 'message_stop' && kind !== 'error')
    throw new ProtocolError(`event '${sse.name}' says that it is '${said(kind)}': ${snippet(sse.raw)}`);
  try {
    return typed(kind, fields, sse.raw);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ProtocolError(`event '${said(kind)}' lacks or misuses field ${cause.message}: ${snippet(sse.raw)}`, {
      cause,
    });
  }
}

/** @type {Readonly<Record<string, string>>} */
const SAID_IN = { text_delta: 'text', input_json_delta: 'partial_json', thinking_delta: 'thinking' };

/**
 * The typed events in `arrived`, but pieces of one block that follow each other are one: what arrives at once is shown
 * at once.
 *
 * @param {Iterable<SseEvent>} arrived
 * @returns {Generator<MessageEvent, void>}
 * @throws {ProtocolError} behind what came before
 */
function* typedEvents(arrived) {
  /** @type {Extract<MessageEvent, {type: 'blockDelta'}> | null} */
  let run = null;
  for (const sse of arrived) {
    let event;
    try {
      event = parse(sse);
    } catch (error) {
      if (run) yield run;
      throw error;
    }
    const piece = isPiece(sse, event);
    if (run && piece && event.index === run.index && event.delta.type === run.delta.type) {
      const name = SAID_IN[String(run.delta.type)];
      run.delta = { ...run.delta, [name]: `${run.delta[name]}${event.delta[name]}` };
      continue;
    }
    if (run) yield run;
    run = piece ? event : null;
    if (!piece) yield event;
  }
  if (run) yield run;
}

/**
 * Whether an event is a delta that is nothing but text.
 *
 * @param {SseEvent} sse
 * @param {MessageEvent} event
 * @returns {event is Extract<MessageEvent, {type: 'blockDelta'}>}
 */
function isPiece(sse, event) {
  if (event.type !== 'blockDelta' || (sse.name !== 'content_block_delta' && sse.name !== 'message')) return false;
  const name = SAID_IN[String(event.delta.type)] ?? '';
  return Object.keys(event.delta).length === 2 && typeof event.delta[name] === 'string';
}

/** @returns {MessageEvent} */
function typed(/** @type {unknown} */ kind, /** @type {Json} */ fields, /** @type {Buffer} */ raw) {
  switch (kind) {
    case 'content_block_delta':
      return { type: 'blockDelta', index: indexOf(fields), delta: ofAType(objectIn(fields, 'delta')) };
    case 'content_block_start':
      return { type: 'blockStart', index: indexOf(fields), block: ofAType(objectIn(fields, 'content_block')) };
    case 'content_block_stop':
      return { type: 'blockStop', index: indexOf(fields) };
    case 'message_start':
      return { type: 'messageStart', message: objectIn(fields, 'message') };
    case 'message_delta':
      return messageDelta(objectIn(fields, 'delta'), fields.usage);
    case 'message_stop':
      return { type: 'messageStop' };
    case 'error':
      return { type: 'error', error: errorInStream(raw) };
    default:
      return { type: 'noContent', kind: said(kind) };
  }
}

/** @returns {MessageEvent} */
function messageDelta(/** @type {Json} */ delta, /** @type {unknown} */ usage) {
  const reason = delta.stop_reason ?? null;
  if (reason !== null && typeof reason !== 'string') throw new TypeError("'stop_reason' (not a string)");
  return { type: 'messageDelta', delta, usage };
}

/** @returns {Json} */
function objectIn(/** @type {Json} */ fields, /** @type {string} */ name) {
  if (!isObject(fields[name])) throw new TypeError(`'${name}' (not an object)`);
  return fields[name];
}

/** @returns {Json} */
function ofAType(/** @type {Json} */ value) {
  if (typeof value.type !== 'string') throw new TypeError("'type' (not a string)");
  return value;
}

/** @returns {number} */
function indexOf(/** @type {Json} */ fields) {
  if (!Number.isInteger(fields.index)) throw new TypeError("'index' (not a number)");
  return fields.index;
}

/** The JSON object in `raw`, strictly: valid UTF-8, one object, nothing after it. @throws {ProtocolError} */
function decodeObject(/** @type {Uint8Array} */ raw, /** @type {string} */ where) {
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(STRICT.decode(raw));
  } catch (cause) {
    const why = /** @type {Error} */ (cause).message;
    throw new ProtocolError(`'${where}' does not carry valid JSON (${why}): ${snippet(raw)}`, { cause });
  }
  if (!isObject(value)) throw new ProtocolError(`'${where}' carries JSON that is not an object: ${snippet(raw)}`);
  if (!isWithin(value, MAX_DEPTH)) throw new ProtocolError(`'${where}' carries JSON that is too deep: ${snippet(raw)}`);
  return value;
}

/** Levels of JSON that are taken: what parses deeper could not be written again, `JSON.stringify` is recursive. */
const MAX_DEPTH = 500;

/** Whether `value` has at most so many levels. @returns {boolean} */
const isWithin = (/** @type {unknown} */ value, /** @type {number} */ levels) =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((one) => isWithin(one, levels - 1)));

/** The error of an `error` event, whatever its data look like. @returns {ApiError} */
function errorInStream(/** @type {Uint8Array} */ raw) {
  const [kind, message] = errorFields(raw);
  return new (BY_KIND.get(kind ?? '') ?? ServerFailed)(message, { status: 200, kind });
}

/** The error of an error status; `x-should-retry` overrules the table of statuses both ways. @returns {ApiError} */
function errorOfStatus(
  /** @type {number} */ status,
  /** @type {Uint8Array} */ raw,
  /** @type {string | undefined} */ shouldRetry,
) {
  const [kind, message] = errorFields(raw);
  const error = new (classOf(status))(`HTTP ${status}: ${message}`, { status, kind });
  if (shouldRetry === 'true' || shouldRetry === 'false') error.retryable = shouldRetry === 'true';
  return error;
}

/** @returns {[string | null, string]} */
function errorFields(/** @type {Uint8Array} */ raw) {
  try {
    const { error } = JSON.parse(STRICT.decode(raw));
    if (isObject(error) && 'type' in error) return [said(error.type), said(error.message ?? error.type)];
  } catch {
    // the text itself is the best there is
  }
  return [null, snippet(raw) || 'no error text'];
}

function classOf(/** @type {number} */ status) {
  if (status === 429) return RateLimited;
  if (status === 529) return Overloaded;
  if (status === 401 || status === 403) return NotAuthorized;
  if (status === 413) return PromptTooLarge;
  return status === 408 || status === 409 || status >= 500 ? ServerFailed : RequestRefused;
}

/** @type {Map<string, typeof ApiError>} */
const BY_KIND = new Map([
  ['overloaded_error', Overloaded],
  ['rate_limit_error', RateLimited],
  ['authentication_error', NotAuthorized],
  ['permission_error', NotAuthorized],
  ['invalid_request_error', RequestRefused],
  ['billing_error', RequestRefused],
  ['not_found_error', RequestRefused],
  ['request_too_large', PromptTooLarge],
]);

function snippet(/** @type {Uint8Array} */ raw) {
  return LENIENT.decode(raw.subarray(0, 120)).trim() + (raw.length > 120 ? '…' : '');
}

// ---- assemble -------------------------------------------------------------------------------------------------------
// A delta belongs to a block that was started and has not stopped. A tool input counts only when its block has stopped;
// then it is parsed strictly. What is not understood is kept as it came and never mixed into the text.

const TOOLS = new Set(['tool_use', 'server_tool_use', 'mcp_tool_use']);
/** Reasons with which a turn ends as the model wanted; after any other its last block may be cut. */
const MAY_CALL_TOOLS = new Set(['end_turn', 'stop_sequence', 'tool_use', 'pause_turn', 'compaction']);
/** Kind of delta: the kind of block that it belongs to, and the field that it appends to. */
const APPENDS = new Map([
  ['text_delta', ['text', 'text']],
  ['thinking_delta', ['thinking', 'thinking']],
  ['signature_delta', ['thinking', 'signature']],
  ['input_json_delta', ['tool', 'partial_json']],
]);

const isTextOrNull = (/** @type {unknown} */ value) => value === null || typeof value === 'string';
const isListOrNull = (/** @type {unknown} */ value) => value === null || Array.isArray(value);
/** What the fields are that this client puts together, by kind of block. */
const FIELDS = new Map([
  ['text', { text: isTextOrNull, citations: isListOrNull }],
  ['thinking', { thinking: isTextOrNull, signature: isTextOrNull }],
]);

/** One content block under construction. */
class Block {
  /** Pieces of the fields that come in deltas. @type {Map<string, string[]>} */
  parts = new Map();
  /** @type {unknown[]} */
  citations = [];
  /** Deltas of kinds that are not understood, as they came. @type {Json[]} */
  unknown = [];
  stopped = false;
  /** The first half of a surrogate pair, waiting for the second. */
  #half = '';

  /** @param {Json} fields @throws {ProtocolError} what would be put together is of another type */
  constructor(fields) {
    if (typeof fields.type !== 'string') throw new ProtocolError('a content block starts without a type');
    for (const [name, isRight] of Object.entries(FIELDS.get(fields.type) ?? {})) {
      if (isRight(fields[name] ?? null)) continue;
      throw new ProtocolError(`a ${fields.type} block starts with ${name} ${said(fields[name])}`);
    }
    if (fields.type === 'tool_use' && typeof fields.name !== 'string') {
      throw new ProtocolError('a tool_use block starts without the name of a tool');
    }
    this.kind = fields.type;
    this.fields = fields;
  }

  append(/** @type {string} */ name, /** @type {string} */ piece) {
    const pieces = this.parts.get(name);
    if (pieces) pieces.push(piece);
    else this.parts.set(name, [piece]);
  }

  /** The field `name` with all its pieces. */
  joined(/** @type {string} */ name) {
    return (this.fields[name] ?? '') + (this.parts.get(name) ?? []).join('');
  }

  /** The characters that are whole with `piece`; a high surrogate waits for the next piece. */
  visible(/** @type {string} */ piece) {
    piece = this.#half + piece;
    this.#half = /[\ud800-\udbff]$/.test(piece.slice(-1)) ? piece.slice(-1) : '';
    return piece.slice(0, piece.length - this.#half.length).toWellFormed();
  }

  /** What waits for a second half that never came. */
  rest() {
    const half = this.#half;
    this.#half = '';
    return half.toWellFormed();
  }

  /** The input of a tool, whole. @returns {Json} @throws {ToolInputBroken} it never ended, or is no JSON object */
  toolInput() {
    const raw = (this.parts.get('partial_json') ?? []).join('').toWellFormed();
    if (!this.stopped) throw this.#broken('never ended', raw);
    if (!raw && isObject(this.fields.input)) return this.fields.input;
    try {
      return decodeObject(Buffer.from(raw), 'its deltas');
    } catch (cause) {
      throw this.#broken(`is no JSON object (${/** @type {Error} */ (cause).message})`, raw, cause);
    }
  }

  #broken(/** @type {string} */ what, /** @type {string} */ raw, /** @type {unknown} */ cause = undefined) {
    const tool = said(this.fields.name ?? '');
    return new ToolInputBroken(`the input of tool '${tool}' ${what}`, { tool, raw, cause });
  }

  get isWhole() {
    try {
      return Boolean(this.toolInput());
    } catch {
      return false;
    }
  }

  /** The block as the API takes it back. @returns {Json} @throws {ToolInputBroken} the input of a tool is not whole */
  sentBack() {
    if (TOOLS.has(this.kind)) return { ...this.fields, input: this.toolInput() };
    const back = { ...this.fields };
    for (const name of this.parts.keys()) {
      if (name !== 'partial_json') back[name] = this.joined(name).toWellFormed();
    }
    if (this.citations.length) back.citations = [...listOf(this.fields.citations), ...this.citations];
    return back;
  }

  /** Whether the block may be sent back, of a message that `ended` or broke off. */
  mayBeSentBack(/** @type {boolean} */ ended) {
    if (this.kind === 'text') return true;
    if (this.kind === 'thinking') return this.stopped && this.joined('signature') !== '';
    if (TOOLS.has(this.kind)) return ended && this.isWhole;
    return this.stopped && (ended || (this.fields.tool_use_id ?? null) === null);
  }
}

/** One message as far as it has come. */
class Message {
  /** @type {string | null} */
  id = null;
  /** @type {string | null} */
  model = null;
  /** @type {Block[]} */
  blocks = [];
  /** @type {string | null} */
  stopReason = null;
  /** @type {string | null} */
  stopSequence = null;
  /** @type {Json | null} */
  stopDetails = null;
  /** Where the tools that the server runs itself have run. @type {Json | null} */
  container = null;
  /** Cumulative: later values replace earlier ones. @type {Json} */
  usage = {};
  /** Whether the last count of its tokens came. */
  counted = false;
  stopped = false;
  /** @type {Map<number, Block>} */
  #open = new Map();
  #started = false;

  /** Whether the model began to answer. */
  get started() {
    return this.#started || this.blocks.length > 0;
  }

  /** Whether nothing can be missing: the message stopped, or its reason came after every block had stopped. */
  get whole() {
    return this.stopped || (this.stopReason !== null && this.#open.size === 0);
  }

  /**
   * Take the next event and return the visible text that it adds.
   *
   * @param {MessageEvent} event
   * @returns {string}
   * @throws {ProtocolError} when the event cannot follow what came before
   * @throws {ApiError} when the event reports an error
   */
  apply(event) {
    switch (event.type) {
      case 'blockDelta':
        return this.#delta(event.index, event.delta);
      case 'blockStart':
        return this.#startBlock(event.index, event.block);
      case 'blockStop':
        return this.#stopBlock(event.index);
      case 'messageStart':
        this.#start(event.message);
        return '';
      case 'messageDelta':
        this.#end(event.delta, event.usage);
        return '';
      case 'messageStop':
        this.stopped = true;
        return [...this.#open.values()].map((block) => block.rest()).join('');
      case 'error':
        throw event.error;
      default:
        return '';
    }
  }

  /** All text blocks, joined. */
  get text() {
    const texts = this.blocks.filter((block) => block.kind === 'text').map((block) => block.joined('text'));
    return texts.join('').toWellFormed();
  }

  /** The tool calls of the finished message. @returns {ToolCall[]} @throws {ProtocolError} when one is not whole */
  toolCalls() {
    const tools = this.blocks.filter((block) => block.kind === 'tool_use');
    return tools.map((block) => ({
      id: said(block.fields.id ?? ''),
      name: said(block.fields.name ?? ''),
      input: block.toolInput(),
    }));
  }

  /**
   * What may be sent back of this message as an assistant turn, whether it ended or not; blank text included, which may
   * stand between other blocks and must be left out (`withoutBlanks`).
   *
   * @returns {Json[]}
   */
  content() {
    const ended = MAY_CALL_TOOLS.has(this.stopReason ?? '');
    const kept = this.blocks.filter((block) => block.mayBeSentBack(ended)).map((block) => block.sentBack());
    return ended || !isBlank(this.text) ? kept : [];
  }

  get unknownDeltas() {
    return this.blocks.flatMap((block) => block.unknown);
  }

  #start(/** @type {Json} */ message) {
    if (this.started) throw new ProtocolError('a second message_start in one body');
    this.#started = true;
    this.id = typeof message.id === 'string' ? message.id : null;
    this.model = typeof message.model === 'string' ? message.model : null;
    this.#count(message.usage);
  }

  #end(/** @type {Json} */ delta, /** @type {unknown} */ usage) {
    this.stopReason = delta.stop_reason || this.stopReason;
    this.stopSequence = (typeof delta.stop_sequence === 'string' && delta.stop_sequence) || this.stopSequence;
    this.stopDetails = isObject(delta.stop_details) ? delta.stop_details : this.stopDetails;
    this.container = isObject(delta.container) ? delta.container : this.container;
    this.#count(usage);
    this.counted ||= isObject(usage) && 'output_tokens' in usage;
  }

  #startBlock(/** @type {number} */ index, /** @type {Json} */ fields) {
    this.#mustGoOn();
    if (this.#open.has(index)) throw new ProtocolError(`content_block_start for block ${index}, which has not stopped`);
    const block = new Block(fields);
    const text = block.kind === 'text' ? (fields.text ?? '') : '';
    this.#open.set(index, block);
    this.blocks.push(block);
    return block.visible(text);
  }

  #stopBlock(/** @type {number} */ index) {
    const block = this.#open.get(index);
    if (!block) throw new ProtocolError(`content_block_stop for block ${index}, which is not open`);
    this.#open.delete(index);
    block.stopped = true;
    return block.rest();
  }

  #delta(/** @type {number} */ index, /** @type {Json} */ delta) {
    const block = this.#open.get(index);
    if (!block) throw new ProtocolError(`content_block_delta for block ${index}, which is not open`);
    this.#mustGoOn();
    if (delta.type === 'citations_delta') {
      block.citations.push(delta.citation ?? null);
      return '';
    }
    if (delta.type === 'compaction_delta' && block.kind === 'compaction') {
      block.fields = { ...block.fields, ...delta, type: block.kind };
      return '';
    }
    const [home, name] = APPENDS.get(said(delta.type)) ?? ['', ''];
    const kind = TOOLS.has(block.kind) ? 'tool' : block.kind;
    if (!home || (home === 'tool' && !['tool', 'text', 'thinking'].includes(kind))) {
      block.unknown.push(delta);
      return '';
    }
    const piece = delta[name];
    if (home !== kind || typeof piece !== 'string') {
      throw new ProtocolError(
        `${delta.type} in block ${index}, which is a ${block.kind} block, with ${name} ${said(piece)}`,
      );
    }
    block.append(name, piece);
    return home === 'text' ? block.visible(piece) : '';
  }

  #mustGoOn() {
    if (this.stopReason !== null) {
      throw new ProtocolError(`content after the message had ended with '${this.stopReason}'`);
    }
  }

  #count(/** @type {unknown} */ usage) {
    if (!isObject(usage)) return;
    const known = Object.entries(usage).filter(([, value]) => value !== null);
    this.usage = { ...this.usage, ...Object.fromEntries(known) };
  }
}

/** `content` without blank text, which the API refuses. */
const withoutBlanks = (/** @type {Json[]} */ content) =>
  content.filter((block) => block.type !== 'text' || !isBlank(block.text));

/** The message in a non-streaming response. @param {Json} body @throws {ProtocolError} when `body` is no message */
function messageOf(body) {
  if (body.type !== 'message' || !Array.isArray(body.content)) {
    throw new ProtocolError(`expected a message, got JSON with type '${said(body.type)}'`);
  }
  const message = new Message();
  message.apply({ type: 'messageStart', message: body });
  for (const [index, block] of body.content.entries()) {
    if (!isObject(block)) throw new ProtocolError(`content block ${index} is not an object`);
    if (block.type === 'text' && typeof block.text !== 'string') {
      throw new ProtocolError(`content block ${index} is a text without text`);
    }
    message.apply({ type: 'blockStart', index, block });
    message.apply({ type: 'blockStop', index });
  }
  if (typeof (body.stop_reason ?? '') !== 'string') throw new ProtocolError('stop_reason is no string');
  message.apply({ type: 'messageDelta', delta: body, usage: body.usage });
  message.stopped = true;
  return message;
}

// ---- usage ----------------------------------------------------------------------------------------------------------
// Every message that began is billed, whatever became of it. What was never counted is null; it is not zero.

/**
 * @typedef {object} Tokens A sum of tokens; null where the API never said anything.
 * @property {number | null} input Those written to and read from the cache included.
 * @property {number | null} output
 * @property {boolean} exact Whether every part was counted to its end; otherwise the numbers are a lower bound.
 *
 * @typedef {{usage: Json, counted: boolean, used: boolean}} Spent What one attempt cost; `used`: it is in the answer.
 */

/** The attempts of one call and what they cost. */
class Ledger {
  /** @type {Spent[]} */
  #spent = [];
  /** Where the attempts of the turn in progress begin. */
  #turn = 0;

  add(/** @type {Spent} */ spent) {
    this.#spent.push(spent);
  }

  /** The turn in progress is over: what is in it stays. */
  settle() {
    this.#turn = this.#spent.length;
  }

  /** The turn in progress is said anew: what its attempts said so far is wasted. */
  startOver() {
    for (const one of this.#spent.slice(this.#turn)) one.used = false;
    this.settle();
  }

  get billed() {
    return sumOf(this.#spent);
  }

  get wasted() {
    return sumOf(this.#spent.filter((one) => !one.used));
  }
}

/** The number called `name`, null when there is none. @returns {number | null} */
const count = (/** @type {Json} */ usage, /** @type {string} */ name) =>
  Number.isInteger(usage[name]) ? usage[name] : null;

/** @returns {Tokens} */
function sumOf(/** @type {Spent[]} */ spent) {
  const sum = (/** @type {string[]} */ ...names) => {
    const known = spent.flatMap((one) => names.map((name) => count(one.usage, name)).filter((each) => each !== null));
    return known.length ? known.reduce((total, each) => total + each, 0) : null;
  };
  return {
    input: sum('input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'),
    output: sum('output_tokens'),
    exact: spent.every((one) => one.counted),
  };
}

// ---- attempt --------------------------------------------------------------------------------------------------------

/** Content codings that the transport takes off. */
const CODINGS = ['identity', '', 'gzip', 'deflate'];

/** An empty answer that was billed at least so many output tokens lost them on the way. */
const LOST_OUTPUT_TOKENS = 10;

/** One request, and what has come of its response: bytes into a message, or the error that they stand for. */
class Attempt {
  message = new Message();
  isStream = false;
  /** @type {HeadReceived | null} */
  #head = null;
  /** @type {Uint8Array[]} */
  #body = [];
  #size = 0;
  #limits;
  #decoder;

  /** @param {Strategy} strategy @param {Limits} limits */
  constructor(strategy, limits) {
    this.strategy = strategy;
    this.#limits = limits;
    this.#decoder = new SseDecoder({ maxLineBytes: limits.maxEventBytes, maxEventBytes: limits.maxEventBytes });
  }

  /** Status line and headers came; tells `isStream` from then on. @param {HeadReceived} head @throws {StreamError} */
  takeHead(head) {
    this.#head = head;
    const mediaType = (head.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
    const coding = (head.headers['content-encoding'] ?? '').toLowerCase();
    if (head.status !== 200 || mediaType === 'application/json') return;
    if (mediaType === 'text/html' || !CODINGS.includes(coding)) {
      throw new WrongContentType(`the server answered 200 with ${mediaType} (${coding}) instead of an answer`);
    }
    this.isStream = true;
  }

  /**
   * Bytes of the body came. Gives each event of a stream and the text that it adds, up to `message_stop`.
   *
   * @param {Uint8Array} data
   * @returns {Generator<[MessageEvent, string], void>}
   * @throws {StreamError} the stream reports an error, or is none
   */
  *takeBytes(data) {
    this.#size += data.length;
    if (this.#size > this.#limits.maxBodyBytes) {
      throw new LimitExceeded(`the body is larger than ${this.#limits.maxBodyBytes} bytes`);
    }
    if (!this.isStream) {
      this.#body.push(data);
      return;
    }
    for (const event of typedEvents(this.#decoder.feed(data))) {
      yield [event, this.message.apply(event)];
      if (this.message.stopped) return;
    }
  }

  /** The whole body came, which is no stream: read the message in it. @throws {StreamError} the error that it is */
  readBody() {
    if (this.#head?.status !== 200) throw this.refusal();
    const raw = Buffer.concat(this.#body);
    const body = decodeObject(raw, 'response body');
    if (body.type === 'error') throw errorInStream(raw);
    this.message = messageOf(body);
  }

  /** The error that an error status stands for, with as much of its body as came. */
  refusal() {
    const head = /** @type {HeadReceived} */ (this.#head);
    const error = errorOfStatus(head.status, Buffer.concat(this.#body), head.headers['x-should-retry']);
    error.retryAfter = retryAfter(head.headers, head.wall);
    return error;
  }

  /** Whether an error status came. */
  get isRefused() {
    return this.#head !== null && this.#head.status !== 200;
  }

  /** `request-id` of the response. @returns {string | null} */
  get requestId() {
    return this.#head?.headers['request-id'] ?? null;
  }

  /**
   * What the message that ended comes to, with its tool calls.
   *
   * @returns {[Outcome, ToolCall[]]}
   * @throws {StreamError} something was lost, or it ended for a reason that nobody knows
   */
  result() {
    const { stopReason, blocks, usage } = this.message;
    if (stopReason === null) throw new ProtocolError('the message stopped without a stop_reason');
    const outcome = OUTCOMES.get(stopReason);
    if (!outcome) throw new UnknownStopReason(`the answer ended with the unknown stop_reason '${stopReason}'`);
    if (!blocks.length && (count(usage, 'output_tokens') ?? 0) >= LOST_OUTPUT_TOKENS) {
      throw new ProtocolError(`${usage.output_tokens} output tokens were billed and none arrived`);
    }
    const tools = outcome === 'complete' ? this.message.toolCalls() : [];
    if (stopReason === 'tool_use' && !tools.length) {
      throw new ProtocolError('the turn ended for a tool call, and none came');
    }
    return [outcome, tools];
  }

  /** What it cost. A request that was `sent` and got no answer may have cost all the same. @returns {Spent} */
  spent({ sent = true, used = false }) {
    const free = !this.message.started && (this.isRefused || !sent);
    return { usage: this.message.usage, counted: free || this.message.counted, used };
  }
}

/** Whether `event` is progress, and more than a sign of life. @param {MessageEvent} event */
const hasContent = (event) => event.type !== 'noContent' && event.type !== 'error';

// ---- policy ---------------------------------------------------------------------------------------------------------

/**
 * @typedef {object} Limits How long each kind of silence may last (seconds), and how much is kept (bytes).
 * @property {number} connect Until the connection is there, TLS included.
 * @property {number} firstByte From the request to the status line of a stream.
 * @property {number} wholeResponse From the request to the status line without streaming: all comes at once.
 * @property {number} firstEvent From the status line to the first event.
 * @property {number} idle Between any two bytes: pings and comments count.
 * @property {number} progress Between two events that carry something; also for the whole of a body that is no stream.
 * @property {number} closing From the final `stop_reason` to `message_stop`; then the answer is whole without it.
 * @property {number | null} total For the whole call, waits included; null sets no limit.
 * @property {number} maxEventBytes
 * @property {number} maxBodyBytes
 *
 * @typedef {object} RetryPolicy The wait before retry n (from 0) is `base * 2 ** n` (`rateLimitBase` for a 429),
 *   limited by `cap` and then stretched by up to `jitter` of itself. A Retry-After is a floor under it, jitter on top.
 * @property {number} maxAttempts
 * @property {number} base
 * @property {number} rateLimitBase
 * @property {number} cap
 * @property {number} jitter
 * @property {number} maxRetryAfter A longer hint is not waited for: the error is thrown at once and carries it.
 * @property {number | null} fallbackAfter Failed streams after which it asks without streaming; null never does.
 * @property {number} attemptsPerTarget Failed attempts after which the next target is asked, where there is one.
 * @property {number} fallbackMaxTokens No fallback above it: the API refuses non-streaming requests that take long.
 *
 * @typedef {object} Policy All settings of one client.
 * @property {Limits} limits
 * @property {RetryPolicy} retry
 * @property {[string, Strategy][]} table How an interrupted answer of each model is continued: the first regular
 *   expression that is found in the model's name.
 * @property {Strategy | null} strategy Continue every answer like this, whatever the table and the request say.
 * @property {number} maxPauses How often a turn that paused is gone on with; 0 hands the paused answer over.
 * @property {number} sentenceIdle Seconds after which an unfinished sentence is given out; 0 holds nothing back.
 * @property {number} sentenceChars Characters after which an unfinished sentence is given out.
 */

/** @type {Readonly<Limits>} */
const LIMITS = Object.freeze({
  connect: 10,
  firstByte: 120,
  wholeResponse: 600,
  firstEvent: 120,
  idle: 120,
  progress: 300,
  closing: 1,
  total: null,
  maxEventBytes: 16 << 20,
  maxBodyBytes: 64 << 20,
});

/** @type {Readonly<RetryPolicy>} */
const RETRY = Object.freeze({
  maxAttempts: 6,
  base: 0.5,
  rateLimitBase: 2,
  cap: 30,
  jitter: 0.5,
  maxRetryAfter: 60,
  fallbackAfter: 2,
  attemptsPerTarget: 3,
  fallbackMaxTokens: 21_333,
});

/** @type {Readonly<Omit<Policy, 'limits' | 'retry' | 'table' | 'strategy'>>} */
const SETTINGS = Object.freeze({ maxPauses: 8, sentenceIdle: 0.5, sentenceChars: 400 });

/**
 * @typedef {Partial<Omit<Policy, 'limits' | 'retry'>>
 *   & {limits?: Partial<Limits>, retry?: Partial<RetryPolicy>}} Settings
 *
 * A whole policy from what is `given` of it. @param {Settings} given @returns {Policy} @throws {TypeError} it says why
 */
export function policyOf(given = {}) {
  if (!isObject(given)) throw new TypeError('policy must be an object');
  const { limits = {}, retry = {}, table = DEFAULT_TABLE, strategy = null, ...rest } = given;
  const all = Object.keys({ limits, retry, table, strategy, ...SETTINGS });
  for (const name of Object.keys(given)) mustBeKnown(name, all, 'policy');
  for (const [, one] of mustBeTable(table)) mustBeStrategy(one, 'policy.table');
  if (strategy !== null) mustBeStrategy(strategy, 'policy.strategy');
  return {
    limits: numbers(limits, LIMITS, ['total'], 'policy.limits'),
    retry: numbers(retry, RETRY, ['fallbackAfter'], 'policy.retry'),
    table,
    strategy,
    ...numbers(rest, SETTINGS, [], 'policy'),
  };
}

/**
 * @template {object} T
 * @param {Partial<T>} given @param {Readonly<T>} defaults @param {string[]} optional what may be null
 * @param {string} where
 * @returns {T}
 */
function numbers(given, defaults, optional, where) {
  if (!isObject(given)) throw new TypeError(`${where} must be an object`);
  for (const [name, value] of Object.entries(given)) {
    mustBeKnown(name, Object.keys(defaults), where);
    if (value === null && optional.includes(name)) continue;
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new TypeError(`${where}.${name} must be a number from 0 on, not ${JSON.stringify(value)}`);
    }
  }
  return { ...defaults, ...given };
}

function mustBeKnown(/** @type {string} */ name, /** @type {string[]} */ known, /** @type {string} */ where) {
  if (!known.includes(name)) throw new TypeError(`${where}.${name} is no setting; there are ${known.join(', ')}`);
}

/** @returns {[string, Strategy][]} */
function mustBeTable(/** @type {unknown} */ table) {
  const isRow = (/** @type {unknown} */ row) => Array.isArray(row) && row.length === 2 && typeof row[0] === 'string';
  if (!Array.isArray(table) || !table.every(isRow))
    throw new TypeError('policy.table must be a list of [pattern, strategy]');
  for (const [pattern] of table) {
    try {
      new RegExp(pattern);
    } catch (error) {
      throw new TypeError(`policy.table: ${/** @type {Error} */ (error).message}`, { cause: error });
    }
  }
  return table;
}

function mustBeStrategy(/** @type {unknown} */ strategy, /** @type {string} */ where) {
  if (!STRATEGIES.includes(/** @type {Strategy} */ (strategy))) {
    throw new TypeError(`${where}: ${JSON.stringify(strategy)} is no strategy; there are ${STRATEGIES.join(', ')}`);
  }
}

/**
 * Seconds to wait after `error` ended attempt number `attempts` (from 1); null gives up.
 *
 * @param {RetryPolicy} retry @param {StreamError} error @param {number} attempts @param {() => number} chance
 */
function waitBeforeRetry(retry, error, attempts, chance) {
  if (!error.retryable || attempts >= retry.maxAttempts) return null;
  const hint = error instanceof ApiError ? error.retryAfter : null;
  if (hint !== null && hint > retry.maxRetryAfter) return null;
  const base = error instanceof RateLimited ? retry.rateLimitBase : retry.base;
  const backoff = Math.min(retry.cap, base * 2 ** Math.min(attempts - 1, 62));
  return Math.max(backoff, hint ?? 0) * (1 + retry.jitter * chance());
}

/** Whether the next attempt streams. */
function streamsNext(
  /** @type {RetryPolicy} */ { fallbackAfter, fallbackMaxTokens },
  /** @type {number} */ failedStreams,
  /** @type {number} */ maxTokens,
) {
  return fallbackAfter === null || maxTokens > fallbackMaxTokens || failedStreams < fallbackAfter;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const CLOCK = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';
/** The three grammars of RFC 9110 5.6.7: the preferred one and that of RFC 850 in one, and asctime. All are in GMT. */
const HTTP_DATES = [
  `(?<day>\\d{1,2})[ -](?<month>[a-z]{3})[ -](?<year>\\d{4}|\\d{2}) ${CLOCK}(?: (?:GMT|UTC|[-+]0000))?`,
  `(?<month>[a-z]{3}) +(?<day>\\d{1,2}) ${CLOCK} (?<year>\\d{4})`,
].map((form) => new RegExp(`^(?:[a-z]{3,9},? )?${form}$`, 'i'));

/**
 * Seconds that the server asks to wait, in any of the three forms; null when it did not ask or asked nonsense: what is
 * no number of seconds from 0 on. A date is read against the response's own `date` header, so that a wrong clock on
 * either side does no harm.
 *
 * @param {Record<string, string>} headers with lower-case names
 * @param {number} wall local time in seconds since the epoch, used when there is no `date` header
 * @returns {number | null}
 */
export function retryAfter(headers, wall) {
  const milliseconds = number(headers['retry-after-ms']);
  if (milliseconds !== null) return sane(milliseconds / 1000);
  const value = headers['retry-after'] ?? '';
  const seconds = number(value);
  if (seconds !== null) return sane(seconds);
  const then = httpDate(value);
  return then === null ? null : sane(Math.max(0, then - (httpDate(headers.date ?? '') ?? wall)));
}

/** @param {number} seconds */
const sane = (seconds) => (seconds >= 0 && Number.isFinite(seconds) ? seconds : null);

/** @param {string | undefined} value */
const number = (value) => (value !== undefined && /^[ \t]*[0-9]+(\.[0-9]+)?[ \t]*$/.test(value) ? Number(value) : null);

/** An HTTP-date in seconds since the epoch, null when it is none. */
function httpDate(/** @type {string} */ text) {
  const found = HTTP_DATES.map((form) => form.exec(text.trim())?.groups).find(Boolean);
  if (!found) return null;
  const [hour, minute, second] = [found.hour, found.minute, found.second].map(Number);
  const century = found.year.length === 4 ? 0 : Number(found.year) > 68 ? 1900 : 2000;
  const month = MONTHS.indexOf(found.month.toLowerCase());
  const day = new Date(Date.UTC(century + Number(found.year), month, Number(found.day)));
  if (day.getUTCMonth() !== month || hour > 23 || minute > 59 || second > 59) return null;
  return day.getTime() / 1000 + 3600 * hour + 60 * minute + second;
}

// ---- continuation ---------------------------------------------------------------------------------------------------
// What the reader has seen is continued and not said again, wherever the model can do that. Only text is continued:
// with tools or a format of the output in the request the answer is asked for anew.

/** @typedef {'prefill' | 'user_turn' | 'system' | 'restart'} Strategy How the rest of an answer is asked for. */

/** @type {readonly Strategy[]} */
const STRATEGIES = ['prefill', 'user_turn', 'system', 'restart'];

/** Characters of a partial that are worth continuing, and of a repetition that prove that it is one. */
const SHORTEST = 40;

/**
 * Claude up to 4.5 takes a prefill and later ones do not; of other models nothing is known.
 *
 * @type {[string, Strategy][]}
 */
const DEFAULT_TABLE = [
  ['claude-(instant|[123])(?!\\d)', 'prefill'],
  ['claude-[a-z]+-4([-.][0-5])?($|[-@:]\\d{8}|-?[a-z@:])', 'prefill'],
  ['claude', 'user_turn'],
  ['', 'restart'],
];

/** What to try when the server refuses a strategy. @type {Map<Strategy, Strategy>} */
const AFTER = new Map([
  ['prefill', 'user_turn'],
  ['user_turn', 'restart'],
  ['system', 'restart'],
]);

const ask = (/** @type {string} */ partial) => `\
Your previous response was interrupted. This is all of it that arrived:

<interrupted_response>${partial}</interrupted_response>

Continue exactly where it stops, even in the middle of a word. Do not repeat any of it and do not mention the \
interruption.`;

/**
 * How to go on with `partial`.
 *
 * @param {Json} request the JSON body, with the name of the model that will be asked
 * @param {string} partial the text that came so far
 * @param {Policy} policy its `strategy` goes before its `table` and the rule about tools
 * @param {Set<Strategy>} refused strategies that the server has refused in this call
 * @returns {Strategy}
 */
export function strategyFor(request, partial, policy, refused) {
  if (countUpTo(trimmed(partial), SHORTEST) < SHORTEST) return 'restart';
  let strategy = policy.strategy ?? (isMoreThanText(request) ? 'restart' : known(request, policy.table));
  if (strategy === 'prefill' && thinks(request)) strategy = 'user_turn'; // the API takes no prefill while it thinks
  while (refused.has(strategy) && AFTER.has(strategy)) strategy = /** @type {Strategy} */ (AFTER.get(strategy));
  return strategy;
}

/** `request` so that its answer goes on after `partial` (without white space at its end). @returns {Json} */
export function continued(
  /** @type {Json} */ request,
  /** @type {string} */ partial,
  /** @type {Strategy} */ strategy,
) {
  const begun = trimmed(partial);
  const turns = listOf(request.messages);
  switch (strategy) {
    case 'prefill':
      return { ...request, messages: [...turns, { role: 'assistant', content: begun }] };
    case 'user_turn':
      return { ...request, messages: [...turns, { role: 'user', content: ask(begun) }] };
    case 'system':
      return { ...request, system: systemWith(request.system, ask(begun)) };
    default:
      return request;
  }
}

/**
 * `request` with the paused turns sent back as they came, so that the model goes on with them.
 *
 * @param {Json} request
 * @param {Json[][]} turns
 * @param {Json | null} container where the tools of the paused turns ran: the files are there
 * @returns {Json}
 */
function afterPauses(request, turns, container) {
  const content = turns.flat();
  if (!content.length) return request;
  const goingOn = { ...request, messages: [...listOf(request.messages), { role: 'assistant', content }] };
  return container === null ? goingOn : { ...goingOn, container: within(request.container, container) };
}

/** What to ask for in place of `asked`, to come into that very container. */
const within = (/** @type {unknown} */ asked, /** @type {Json} */ { id = null }) =>
  isObject(asked) ? { ...asked, id } : id;

/** Whether the answer is to be more than prose, which is all that a model would go on with. @param {Json} request */
const isMoreThanText = ({ tools, mcp_servers, output_format, output_config }) =>
  [tools, mcp_servers, output_format].some(isSomething) || (isObject(output_config) && isSomething(output_config.format));

/** What Python's `bool` says of a value of JSON. */
const isSomething = (/** @type {unknown} */ value) =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);

/** @returns {Strategy} */
function known(/** @type {Json} */ request, /** @type {[string, Strategy][]} */ table) {
  const model = said(request.model ?? '');
  return table.find(([pattern]) => new RegExp(pattern).test(model))?.[1] ?? 'restart';
}

/** @param {Json} request */
const thinks = ({ thinking }) => isObject(thinking) && thinking.type !== 'disabled';

function systemWith(/** @type {any} */ system, /** @type {string} */ more) {
  if (Array.isArray(system)) return [...system, { type: 'text', text: more }];
  return isSomething(system) ? `${said(system)}\n\n${more}` : more;
}

// ---- display --------------------------------------------------------------------------------------------------------
// Joins the text of several attempts into what one reader sees once. An attempt that says the answer anew is silent
// while it repeats what is on display; one that continues adds what it says, without a proven repetition at the seam.

/** @typedef {{text: string, reset: boolean}} Shown Clear the display first when `reset`, then add `text`. */

/** @returns {Shown} */
const shown = (text = '', reset = false) => ({ text, reset });

/** What the reader has been given. */
export class Display {
  /** All that is on display. */
  text = '';
  #settled = 0;
  /** @type {Repeats | Seam} */
  #attempt = new Repeats('');

  /** What is on display of the turn in progress. */
  get unsettled() {
    return this.text.slice(this.#settled);
  }

  /** The turn in progress is over, and another one follows it. */
  settle() {
    this.#settled = this.text.length;
  }

  /** A new attempt begins that says the turn in progress from its start. */
  startOver() {
    this.#attempt = new Repeats(this.unsettled);
  }

  /** A new attempt begins that goes on where the text stops, and `mayRepeat` some of its end. */
  goOn(mayRepeat = true) {
    this.#attempt = new Seam(this.text, mayRepeat);
  }

  /** The attempt says `piece`; returns what that means for the display. */
  say(/** @type {string} */ piece) {
    return this.#apply(this.#attempt.say(piece));
  }

  /** The attempt ended whole; returns what that means for the display. */
  finish() {
    return this.#apply(this.#attempt.finish());
  }

  #apply(/** @type {Shown} */ news) {
    if (news.reset) {
      news = shown(this.text.slice(0, this.#settled) + news.text, true);
      this.text = '';
    }
    this.text += news.text;
    return news;
  }
}

/** An attempt that is expected to say `before` again. */
class Repeats {
  #before;
  #repeated = 0;

  /** @param {string} before */
  constructor(before) {
    this.#before = before;
  }

  say(/** @type {string} */ piece) {
    const expected = this.#before.slice(this.#repeated, this.#repeated + piece.length);
    if (!piece.startsWith(expected)) return this.#differs(piece);
    this.#repeated += expected.length;
    return shown(piece.slice(expected.length));
  }

  /** A whole answer that is shorter than what is on display is another one. */
  finish() {
    return this.#repeated === this.#before.length ? shown() : this.#differs('');
  }

  #differs(/** @type {string} */ piece) {
    const text = this.#before.slice(0, this.#repeated) + piece;
    this.#before = '';
    this.#repeated = 0;
    return shown(text, true);
  }
}

/** An attempt that goes on after `before`, and may repeat some of its end. */
class Seam {
  #before;
  /** White space that is on display and was not in the request. */
  #white;
  #held = '';
  /** Where in `before` a repetition may begin; null before there is enough text to tell. @type {number[] | null} */
  #places = null;
  #decided;

  /** @param {string} before @param {boolean} mayRepeat */
  constructor(before, mayRepeat) {
    this.#before = before;
    this.#white = before.slice(trimmed(before).length);
    this.#decided = countUpTo(before, SHORTEST) < SHORTEST || !mayRepeat;
  }

  /** The attempt says `piece`; what is new of all it said so far, as far as that is decided. */
  say(/** @type {string} */ piece) {
    piece = this.#withoutWhite(piece);
    if (this.#decided || !piece) return shown(piece);
    return shown(this.#mayRepeat(piece) ? '' : this.#decide());
  }

  /** The attempt ended whole; what is left of it. */
  finish() {
    return shown(this.#decide());
  }

  #withoutWhite(/** @type {string} */ piece) {
    let same = 0;
    while (same < piece.length && same < this.#white.length && piece[same] === this.#white[same]) same++;
    this.#white = same < piece.length ? '' : this.#white.slice(same);
    return piece.slice(same);
  }

  /** Whether with `piece` what is held may be the beginning of a repetition that is not over yet. */
  #mayRepeat(/** @type {string} */ piece) {
    let compared = this.#held.length;
    this.#held += piece;
    if (this.#places === null) {
      const size = countUpTo(this.#held, SHORTEST);
      if (size < SHORTEST) return withoutLast(this.#before, SHORTEST - size).includes(this.#held);
      compared = endOf(this.#held, SHORTEST);
      this.#places = placesOf(this.#held.slice(0, compared), this.#before);
    }
    const more = this.#held.slice(compared);
    this.#places = this.#places.filter((place) => {
      const rest = Math.max(0, this.#before.length - place - compared);
      return this.#before.startsWith(more.slice(0, rest), place + compared);
    });
    return this.#places.some((place) => this.#before.length - place > this.#held.length);
  }

  /** What is new: what is held without the longest repetition that is proven. */
  #decide() {
    const held = this.#held;
    this.#decided = true;
    this.#held = '';
    for (const place of this.#places ?? []) {
      const repeated = this.#before.slice(place);
      if (repeated.length <= held.length && isProof(repeated, this.#before)) return held.slice(repeated.length);
    }
    return held;
  }
}

const TOO_MANY = 32;
/** Characters from which on not even a whole line is said twice by chance. */
const LONG_LINE = 80;

/** Where `text` begins in `before`; nowhere, when that is in so many places that it proves nothing. */
function placesOf(/** @type {string} */ text, /** @type {string} */ before) {
  const found = [];
  let place = before.indexOf(text);
  for (; place >= 0 && found.length < TOO_MANY; place = before.indexOf(text, place + 1)) found.push(place);
  return found.length < TOO_MANY ? found : [];
}

/** Whether saying `text`, the end of `before`, again can only be a repetition. */
function isProof(/** @type {string} */ text, /** @type {string} */ before) {
  const half = text.slice(0, endOf(text, Math.floor(countUpTo(text, Infinity) / 2)));
  const wasSaid = before.indexOf(text) < before.length - text.length || text.indexOf(half, 1) >= 0;
  const beginsLine = text.length === before.length || before.at(-text.length - 1) === '\n';
  const isLine = beginsLine && text.indexOf('\n') === text.length - 1 && countUpTo(text, LONG_LINE) < LONG_LINE;
  return !wasSaid && !isLine;
}

/** `text` without its last `count` characters. */
function withoutLast(/** @type {string} */ text, /** @type {number} */ count) {
  let end = text.length;
  for (; count > 0 && end > 0; count--) end -= end > 1 ? unitsAt(text, end - 2) : 1;
  return text.slice(0, end);
}

// ---- transcript -----------------------------------------------------------------------------------------------------

/** The text and content of one call, over all its attempts: the text of the content is the text on display. */
class Transcript {
  display = new Display();
  /** Content of the turns that paused, to be sent back as it came. @type {Json[][]} */
  paused = [];
  /** Where their tools ran. @type {Json | null} */
  container = null;
  /** Content of the turn in progress, of attempts that are over. @type {Json[]} */
  #kept = [];
  /** Content that the attempt in progress goes on after; null when it says the turn anew. @type {Json[] | null} */
  #before = null;
  #textBefore = 0;

  /** A new attempt begins: it goes on after the text so far, or says the turn in progress from its start. */
  begin(/** @type {boolean} */ goesOn, /** @type {boolean} */ mayRepeat) {
    this.#textBefore = this.display.unsettled.length;
    this.#before = goesOn ? this.#kept : null;
    if (goesOn) this.display.goOn(mayRepeat);
    else this.display.startOver();
  }

  /** The attempt broke off; `message` is as much of it as came. */
  interrupted(/** @type {Message} */ message) {
    this.#kept = this.#contentOfTurn(message);
  }

  /** The turn paused, and another one follows it. */
  pause(/** @type {Message} */ message) {
    this.paused.push(withoutBlanks(this.#contentOfTurn(message)));
    this.container = message.container ?? this.container;
    this.display.settle();
    this.#kept = [];
    this.#before = null;
  }

  /** The content of the whole answer, whose last attempt is `message`. */
  content(/** @type {Message} */ message) {
    return [...this.paused.flat(), ...withoutBlanks(this.#contentOfTurn(message))];
  }

  /** @returns {Json[]} */
  #contentOfTurn(/** @type {Message} */ message) {
    const onDisplay = this.display.unsettled;
    let content = message.content();
    if (this.#before) content = joined(this.#before, content, onDisplay.slice(this.#textBefore));
    const fitting = [content, this.#kept].find((one) => textOf(one) === onDisplay);
    return fitting ?? [{ type: 'text', text: onDisplay }];
  }
}

/** `after` behind `before`, of its text only `newText`, which is its end; one block at the seam. @returns {Json[]} */
function joined(/** @type {Json[]} */ before, /** @type {Json[]} */ after, /** @type {string} */ newText) {
  let repeated = Math.max(0, textOf(after).length - newText.length);
  const cut = after.map((block) => {
    if (block.type !== 'text') return block;
    const text = block.text.slice(repeated);
    repeated = Math.max(0, repeated - block.text.length);
    return { ...block, text };
  });
  const rest = cut.filter((block) => block.text !== '');
  const [last, first] = [before.at(-1), rest[0]];
  if (last?.type !== 'text' || first?.type !== 'text') return [...before, ...rest];
  return [...before.slice(0, -1), oneOf(last, first), ...rest.slice(1)];
}

/** Two text blocks as one, with the citations of both. @returns {Json} */
function oneOf(/** @type {Json} */ first, /** @type {Json} */ second) {
  const citations = [...listOf(first.citations), ...listOf(second.citations)];
  return { ...first, text: first.text + second.text, ...(citations.length ? { citations } : {}) };
}

/** @param {Json[]} content @returns {string} */
const textOf = (content) => content.map((block) => (block.type === 'text' ? block.text : '')).join('');

// ---- route ----------------------------------------------------------------------------------------------------------
// Failed streams and failed attempts count for the target that failed; the budget counts all of them.

/**
 * @typedef {{model: string | null, baseUrl: string, apiKey: string}} Target A model, and where it is asked.
 */

const TARGETS_FAULT = [401, 402, 403, 404];
const TARGETS_FAULT_KINDS = ['authentication_error', 'permission_error', 'billing_error', 'not_found_error'];

/** The targets of one call, in order: which is asked next, whether it streams, and after what wait. */
class Route {
  /** Number of the target, from 0. */
  place = 0;
  #targets;
  #retry;
  #chance;
  #failures = 0;
  #failuresHere = 0;
  #streamsHere = 0;

  /** @param {Target[]} targets @param {RetryPolicy} retry @param {() => number} chance */
  constructor(targets, retry, chance) {
    this.#targets = targets;
    this.#retry = retry;
    this.#chance = chance;
  }

  /** Whom to ask next. */
  get target() {
    return this.#targets[this.place];
  }

  /** Whether the next request asks for a stream. */
  streams(/** @type {number} */ maxTokens) {
    return streamsNext(this.#retry, this.#streamsHere, maxTokens);
  }

  /**
   * An attempt failed; seconds to wait before the next one, null when there is none. May change the target.
   *
   * @param {StreamError} error with what it failed
   * @param {boolean} streamed whether a stream had begun
   * @param {boolean} changes whether the next request will not have what was wrong with this one
   */
  after(error, streamed, changes) {
    this.#failures += 1;
    this.#failuresHere += 1;
    this.#streamsHere += streamed ? 1 : 0;
    const hint = error instanceof ApiError ? error.retryAfter : null;
    const mayWait = hint === null || hint <= this.#retry.maxRetryAfter;
    if (changes && mayWait && this.#failures < this.#retry.maxAttempts) return hint ?? 0;
    const wait = waitBeforeRetry(this.#retry, error, this.#failures, this.#chance);
    if (this.#failures >= this.#retry.maxAttempts) return wait;
    const isSpent = wait !== null && this.#failuresHere >= this.#retry.attemptsPerTarget;
    return (isSpent || (wait === null && elsewhereMayHelp(error))) && this.#move() ? (wait ?? 0) : wait;
  }

  #move() {
    if (this.place + 1 >= this.#targets.length) return false;
    this.place += 1;
    this.#failuresHere = this.#streamsHere = 0;
    return true;
  }
}

/** @param {StreamError} error */
const elsewhereMayHelp = (error) =>
  error instanceof ApiError &&
  (error.retryable || TARGETS_FAULT.includes(error.status) || TARGETS_FAULT_KINDS.includes(error.kind ?? ''));

// ---- deadlines ------------------------------------------------------------------------------------------------------

/** What may take too long, in the order in which it is honoured when several are due; names are those of the limits. */
const DEADLINES = Object.freeze({
  total: 'the whole call took too long',
  firstByte: 'no response came',
  wholeResponse: 'no response came without streaming',
  firstEvent: 'no event came after the response began',
  idle: 'nothing at all came',
  progress: 'only signs of life came, and no content',
  closing: 'message_stop did not come',
  retry: 'time to try again',
  flush: 'time to show what is held',
});
/** @typedef {keyof typeof DEADLINES} Deadline */
/** @typedef {Exclude<Deadline, 'retry' | 'flush'>} Limit */

/** @type {Limit[]} */
const OF_ATTEMPT = ['wholeResponse', 'firstByte', 'firstEvent', 'idle', 'progress', 'closing'];

/** When each deadline that is set is due; one timer watches over them all. */
class Deadlines {
  #limits;
  /** @type {Map<Deadline, number>} */
  #due = new Map();

  /** @param {Limits} limits */
  constructor(limits) {
    this.#limits = limits;
  }

  has(/** @type {Deadline} */ deadline) {
    return this.#due.has(deadline);
  }

  /** Start (again) the time of each; one without a limit is not set. */
  start(/** @type {number} */ now, /** @type {Limit[]} */ ...deadlines) {
    for (const one of deadlines) {
      const limit = this.#limits[one];
      if (limit !== null) this.#due.set(one, now + limit);
    }
  }

  /** Set `deadline` to a time, or clear it. */
  set(/** @type {Deadline} */ deadline, /** @type {number | null} */ at) {
    if (at === null) this.#due.delete(deadline);
    else this.#due.set(deadline, at);
  }

  clear(/** @type {Deadline[]} */ ...deadlines) {
    for (const one of deadlines) this.#due.delete(one);
  }

  /** When the first one is due, null when none is set. */
  get next() {
    return this.#due.size ? Math.min(...this.#due.values()) : null;
  }

  /** Remove and return the deadline to honour at `now`, null when none is due. */
  take(/** @type {number} */ now) {
    const names = /** @type {Deadline[]} */ (Object.keys(DEADLINES));
    const due = names.find((one) => (this.#due.get(one) ?? Infinity) <= now) ?? null;
    if (due) this.#due.delete(due);
    return due;
  }
}

// ---- buffer ---------------------------------------------------------------------------------------------------------
// Holds text back until a natural break. Characters are taken one by one, and each decision looks at what is held and
// at one character more. States: margin (white space so far), text, opening (may open a fence), inside (a fence).

/** Breaking white space: without the no-break spaces. */
const SPACES = new Set([...WHITE].filter((char) => !'\xa0\u2007\u202f'.includes(char)));
const WIDE = new Set('。｡！？؟۔।॥።፧။។։');
const STOPS = new Set(['.', '．', '!', '?', '…', ...WIDE]);
/** Opens and closes alike: after a wide stop, which has no space after it, only what is open tells which. */
const PAIRED = new Set('"*_`');
const ENDING = new Set(')]}”」』）】〉》］｝〕\u200b\u200c\u200d\u200e\u200f\u202c\u2069\ufe0e\ufe0f');
const CLOSING = new Set([...PAIRED, ...ENDING, ...`'’»«›‹`]);
/** German and others close with what opens in English and Chinese. */
const CLOSING_NARROW = new Set([...CLOSING, ...'“‘']);
const NO_BEGINNING = new Set([...ENDING, ...STOPS, ...',;:%&=/|、，；：\xa0\u2007\u202f']);

const WORD = '\\p{L}\\p{N}_';
const RUN = new RegExp(`^([^${WHITE}]+)[${WHITE}]*$`);
const NO_WORD = new RegExp(`[^${WORD}.]`, 'u');
const INITIALS = /^(?:[\p{L}\p{Nl}\p{No}]\.)+[\p{L}\p{Nl}\p{No}]$/u;
const LIST_NUMBER = /^[^\p{L}\p{N}]*(?:\p{Nd}{1,3}(?:\.\p{Nd}{1,3})*|[ivx]+|[IVX]+|[A-Za-z])$/u;
const ORDINAL = new RegExp(
  `(?<![${WORD}])(?:(?<!(?<![${WORD}])I )am|ab|beim|bis|das|dem|den|der|des|die|im|seit|vom|zum|zur) \\p{Nd}\\p{Nd}?$`,
  'iu',
);
const BEFORE_ANYTHING = new Set(
  (
    'adm al approx bzw ca capt cf cmdr col dr dra eg esp fr gen gov hon ie incl lt maj messrs mlle mme mr mrs' +
    ' ms mt mx pres prof rep resp rev sen sgt sr sra srta st v vgl viz vs z'
  ).split(' '),
);
const BEFORE_NUMBERS = new Set(
  'apr art aug c ch dec eq feb fig figs jan jul jun lit mar no nos nov nr oct op p par pp sec sep sept vol'.split(' '),
);
/** Longer than any abbreviation, ordinal or list number. */
const LOOK_BACK = 40;

/** A character as a reader sees it, nearly: marks, selectors, skin tones, tags and second halves stay on it. */
const MARK =
  '[\\u0300-\\u036f\\u0483-\\u0489\\u0591-\\u05bd\\u064b-\\u065f\\u0900-\\u0903\\u093a-\\u094f\\u1ab0-\\u1aff' +
  '\\u1dc0-\\u1dff\\u20d0-\\u20ff\\u3099\\u309a\\ufe00-\\ufe0f\\ufe20-\\ufe2f\\udc00-\\udfff\\u{1f3fb}-\\u{1f3ff}' +
  '\\u{e0020}-\\u{e01ef}]*';
const CHARACTER = new RegExp(`\\r\\n|[\\u{1f1e6}-\\u{1f1ff}]{2}|.${MARK}(?:\\u200d.?${MARK})*`, 'gsu');

/** A whole text as sentences, as a `SentenceBuffer` gives them out; joined they are the text. @param {string} text */
export function sentences(text) {
  const buffer = new SentenceBuffer();
  return [...buffer.push(text), ...buffer.flush()];
}

/** Collects text and gives it out as whole sentences, lines and code blocks. */
export class SentenceBuffer {
  #maxIdle;
  #limit;
  #last = 0;
  /** @type {string[]} */
  #given = [];
  /** @type {string[]} */
  #held = [];
  /** How many may be held. */
  #room = 0;
  /** Where the line begins in what is held; it matters in every state but text. */
  #line = 0;
  /** Where the last stop is, if only what closes and white space followed; negative is none. */
  #stop = -1;
  /** Whether that stop needs no white space after it. */
  #wide = false;
  /** Of `PAIRED`, in this line. @type {Set<string>} */
  #open = new Set();
  /** @type {(char: string) => void} */
  #state = this.#margin;
  #mark = '';
  #run = 0;
  #info = false;

  /**
   * @param {object} [settings]
   * @param {number} [settings.maxIdle] seconds without new text after which what is held is given out; with 0 only
   *   fences are held
   * @param {number} [settings.maxChars] characters of the longest sentence that is given out whole (at least 4); fences
   *   have no limit
   */
  constructor({ maxIdle = 0.5, maxChars = 400 } = {}) {
    this.#maxIdle = maxIdle;
    this.#limit = Math.max(maxChars, 4);
    this.drop();
  }

  /** When held text must be given out if no more comes; null if none is held, or only what time must not cut. */
  get due() {
    return this.#ready() ? this.#last + this.#maxIdle : null;
  }

  /** Take more text and return what is whole, in order; first what was due before. @param {string} text */
  push(text, now = 0) {
    this.#expire(now);
    if (text) this.#last = now;
    for (const char of text) this.#state(char);
    return this.tick(now);
  }

  /** Return what is due, perhaps nothing. @param {number} now */
  tick(now) {
    this.#expire(now);
    const given = this.#given;
    this.#given = [];
    return given;
  }

  /** The text ends here: return all that is held, as one item or none. The buffer is then as new. */
  flush() {
    const rest = this.#held.join('');
    this.drop();
    return rest ? [rest] : [];
  }

  /** Forget what is held; the buffer is as new. */
  drop() {
    this.#held = [];
    this.#room = this.#limit;
    this.#line = 0;
    this.#stop = -1;
    this.#wide = false;
    this.#open.clear();
    this.#state = this.#margin;
  }

  /** How many characters time may take. */
  #ready() {
    if (this.#state === this.#opening || this.#state === this.#inside) return 0;
    return this.#mayOpen() ? this.#line : this.#held.length;
  }

  #mayOpen() {
    if (this.#state !== this.#margin) return false;
    return /^ {0,3}$/.test(this.#held.slice(this.#line, this.#line + 4).join(''));
  }

  #expire(/** @type {number} */ now) {
    if (this.due !== null && now >= this.due) this.#give(this.#ready());
  }

  #give(/** @type {number} */ count) {
    this.#given.push(this.#held.splice(0, count).join(''));
    this.#line -= count;
    this.#stop -= count;
    this.#room = this.#limit;
    if (this.#line < 0) this.#state = this.#text; // a margin that is gone was too wide for a fence
  }

  // One method for each state.

  #margin(/** @type {string} */ char) {
    if (SPACES.has(char)) {
      this.#fit(char);
      this.#add(char);
      return;
    }
    const isFence = (char === '`' || char === '~') && this.#mayOpen();
    if (!isBlank(this.#held.slice(0, this.#line).join(''))) this.#give(this.#line);
    this.#mark = char;
    this.#run = 0;
    this.#info = false;
    this.#state = isFence ? this.#opening : this.#text;
    this.#state(char);
  }

  #text(/** @type {string} */ char) {
    if (this.#endsBefore(char)) this.#give(this.#held.length);
    this.#fit(char);
    this.#note(char);
    this.#add(char);
  }

  #opening(/** @type {string} */ char) {
    this.#held.push(char);
    if (char === this.#mark && !this.#info) {
      this.#run += 1;
    } else if (this.#run < 3 || (char === this.#mark && char === '`')) {
      this.#isNoFence();
    } else if (char === '\n') {
      this.#line = this.#held.length;
      this.#state = this.#inside;
    } else {
      this.#info = true;
    }
  }

  #inside(/** @type {string} */ char) {
    this.#held.push(char);
    if (char !== '\n') return;
    const isClosed = this.#closes(this.#held.slice(this.#line));
    this.#line = this.#held.length;
    if (!isClosed) return;
    this.#state = this.#margin;
    this.#room = this.#held.length + this.#limit;
  }

  /** Whether this line closes the fence. @param {string[]} line */
  #closes(line) {
    const indent = line.findIndex((char) => char !== ' ');
    let end = indent;
    while (line[end] === this.#mark) end++;
    return indent <= 3 && end - indent >= this.#run && line.slice(end).every((char) => ' \t\r\n'.includes(char));
  }

  #isNoFence() {
    this.#state = this.#text;
    for (const char of this.#held.splice(this.#line)) this.#text(char);
  }

  #add(/** @type {string} */ char) {
    this.#held.push(char);
    if (char !== '\n') return;
    this.#line = this.#held.length;
    this.#state = this.#margin;
    this.#open.clear();
  }

  // Where a sentence ends.

  /** Remember whether a sentence may end here, and what is open. */
  #note(/** @type {string} */ char) {
    const before = this.#held.at(-1) ?? '';
    if (STOPS.has(char)) {
      const more = STOPS.has(before);
      this.#wide = WIDE.has(char) || (more && this.#wide);
      this.#stop = more ? this.#stop : this.#held.length;
    } else if (!CLOSING_NARROW.has(char) && !SPACES.has(char)) {
      this.#stop = -1;
    }
    if (SPACES.has(char)) {
      this.#open.delete(before); // a bullet: what opens is not followed by white space
    } else if (PAIRED.has(char) && char !== before && !this.#open.delete(char)) {
      this.#open.add(char);
    }
  }

  #endsBefore(/** @type {string} */ char) {
    if (this.#stop < 0 || SPACES.has(char) || NO_BEGINNING.has(char) || this.#open.has('`')) return false;
    if (!SPACES.has(/** @type {string} */ (this.#held.at(-1))) && (!this.#wide || this.#isClosing(char))) return false;
    const run = RUN.exec(this.#held.slice(this.#stop).join(''));
    return run !== null && (this.#wide || !(/^\p{Lowercase}$/u.test(char) || this.#goesOn(run[1], char)));
  }

  /** Whether this is one dot, and one that ends no sentence. */
  #goesOn(/** @type {string} */ stops, /** @type {string} */ char) {
    if (!'.．'.includes(stops[0]) || STOPS.has(stops[1])) return false;
    const before = this.#held.slice(Math.max(0, this.#stop - LOOK_BACK), this.#stop).join('');
    if (this.#stop <= LOOK_BACK && LIST_NUMBER.test(before)) return true;
    return ORDINAL.test(before) || isAbbreviation(before.split(NO_WORD).at(-1) ?? '', char);
  }

  #isClosing(/** @type {string} */ char) {
    return CLOSING.has(char) && (!PAIRED.has(char) || this.#open.has(char) || char === this.#held.at(-1));
  }

  // Where a text that is too long is cut.

  /** Make room for one more character. */
  #fit(/** @type {string} */ char) {
    while (this.#held.length >= this.#room) {
      const atLine = this.#state === this.#margin ? this.#line : 0;
      this.#give(atLine || lastPlace([...this.#held, char]));
    }
  }
}

/** Where to cut a text before its last character, or earlier. */
function lastPlace(/** @type {string[]} */ chars) {
  const place = chars.findLastIndex((char, at) => at > 0 && !SPACES.has(char) && SPACES.has(chars[at - 1]));
  if (place > 0) return place;
  let [start, end] = [0, 0];
  for (const [character] of chars.join('').matchAll(CHARACTER)) {
    start = end;
    end += [...character].length;
  }
  return start || chars.length - 1;
}

/** Whether a sentence goes on after this word and a dot, when this character comes next. */
function isAbbreviation(/** @type {string} */ word, /** @type {string} */ after) {
  const small = word.toLowerCase();
  if (BEFORE_ANYTHING.has(small) || (/^\p{Nd}$/u.test(after) && BEFORE_NUMBERS.has(small))) return true;
  if ([...word].length === 1) return /^\p{Uppercase}$/u.test(word) && word !== 'I';
  return small !== 'a.m' && small !== 'p.m' && INITIALS.test(word);
}

// ---- signals --------------------------------------------------------------------------------------------------------

/**
 * @typedef {object} HeadReceived Status line and headers (lower-case names); `wall` is the time since the epoch.
 * @property {'head'} type
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {number} wall
 *
 * @typedef {{type: 'started'} | HeadReceived | {type: 'bytes', data: Uint8Array} | {type: 'ended'}
 *   | {type: 'failed', error: StreamError} | {type: 'timer'} | {type: 'cancel'}} Input What happened.
 *
 * @typedef {{type: 'open', body: Json, target: Target}} Open Send a request with this JSON body to `target`.
 * @typedef {Open | {type: 'drop'} | {type: 'deliver', event: StreamEvent}} Deed
 * @typedef {Deed | {type: 'wakeAt', at: number | null}} Action What to do; there is one timer, null clears it.
 */

// ---- session --------------------------------------------------------------------------------------------------------
//
//     idle ─► waiting ─► streaming ─► done
//               │ ▲  └─► reading ──► done        reading: a body that is not a stream
//               ▼ │         │
//             backingOff ◄──┘ (from every state of an attempt)

/** @typedef {'idle' | 'waiting' | 'streaming' | 'reading' | 'backingOff' | 'done'} State */

/** @type {Record<State, State[]>} */
const TRANSITIONS = {
  idle: ['waiting', 'done'],
  waiting: ['streaming', 'reading', 'backingOff', 'done'],
  streaming: ['backingOff', 'done'],
  reading: ['backingOff', 'done'],
  backingOff: ['waiting', 'done'],
  done: [],
};

/** Anything shorter occurs by chance, and is not looked for. */
const SHORTEST_KEY = 6;

/** `text` without the key, which a server may quote from the request. */
const withoutKey = (/** @type {string} */ text, /** @type {string | null} */ key) =>
  key === null || key.length < SHORTEST_KEY ? text : text.replaceAll(key, '[redacted]');

/** The state machine of one call. Its rules are told in `session.py`. */
export class Session {
  /** @type {State} */
  state = 'idle';
  #request;
  #policy;
  #limits;
  #route;
  #deadlines;
  #transcript = new Transcript();
  #sentences;
  #ledger = new Ledger();
  #attempt;
  /** @type {number | null} */
  #wake = null;
  /** @type {Action[]} */
  #actions = [];
  #now = 0;
  #attempts = 0;
  #pauses = 0;
  /** @type {StreamError[]} */
  #errors = [];
  /** @type {string[]} */
  #requestIds = [];
  /** Ways to continue that the server does not take. @type {Set<Strategy>} */
  #refused = new Set();
  /** Whether the attempt in progress has added anything to the display. */
  #hasShown = false;

  /**
   * @param {Json} request the JSON body of the request, without `stream`
   * @param {Policy} policy limits and rules
   * @param {() => number} chance the source of jitter, from 0 to 1
   * @param {Target[]} targets whom to ask, in order
   */
  constructor(request, policy, chance, targets) {
    this.#request = request;
    this.#policy = policy;
    this.#limits = policy.limits;
    this.#route = new Route(targets, policy.retry, chance);
    this.#deadlines = new Deadlines(policy.limits);
    this.#sentences = new SentenceBuffer({ maxIdle: policy.sentenceIdle, maxChars: policy.sentenceChars });
    this.#attempt = new Attempt('restart', policy.limits);
  }

  /**
   * Take what happened at `now` and return what to do, in order. After `done` nothing is ever returned.
   *
   * @param {Input} happened
   * @param {number} now seconds
   * @returns {Action[]}
   * @throws {Error} the input cannot occur in this state; a fault of the driver, never of the server
   */
  handle(happened, now) {
    if (this.state === 'done') return [];
    const before = this.state;
    this.#now = now;
    this.#actions = [];
    this.#dispatch(happened);
    if (this.state !== before && !TRANSITIONS[before].includes(this.state)) {
      throw new Error(`no transition from ${before} to ${this.state} on ${happened.type}`);
    }
    this.#setTimer();
    return this.#actions;
  }

  #dispatch(/** @type {Input} */ happened) {
    switch (happened.type) {
      case 'bytes':
        return this.#takeBytes(happened.data);
      case 'timer':
        return this.#takeTimer();
      case 'head':
        return this.#takeHead(happened);
      case 'ended':
        return this.#takeEnd();
      case 'failed':
        return this.#breakOff(happened.error);
      case 'started':
        this.#start('total');
        return this.#openNext();
      case 'cancel':
        return this.#cancel();
    }
  }

  // An attempt begins.

  #openNext() {
    this.state = 'waiting';
    this.#attempts += 1;
    const [strategy, body] = [this.#strategy(), this.#body()];
    const goesOn = strategy !== 'restart';
    this.#attempt = new Attempt(strategy, this.#limits);
    this.#hasShown = false;
    const asked = continued(body, this.#transcript.display.unsettled, strategy);
    this.#transcript.begin(goesOn, strategy !== 'prefill');
    const stream = this.#streams();
    this.#start(stream ? 'firstByte' : 'wholeResponse');
    this.#actions.push({ type: 'open', body: { ...asked, stream }, target: this.#route.target });
  }

  /** The request for the target in turn, with the turns that paused. */
  #body() {
    const { model } = this.#route.target;
    const request = model === null ? this.#request : { ...this.#request, model };
    return afterPauses(request, this.#transcript.paused, this.#transcript.container);
  }

  #strategy() {
    if (this.#transcript.paused.length) return 'restart'; // a paused turn can only be gone on with as it came
    return strategyFor(this.#body(), this.#transcript.display.unsettled, this.#policy, this.#refused);
  }

  #streams() {
    return this.#route.streams(count(this.#request, 'max_tokens') ?? 0);
  }

  #takeHead(/** @type {HeadReceived} */ head) {
    this.#expect('waiting');
    this.#deadlines.clear('firstByte', 'wholeResponse');
    try {
      this.#attempt.takeHead(head);
    } catch (error) {
      this.#fail(ours(error));
      return;
    }
    this.state = this.#attempt.isStream ? 'streaming' : 'reading';
    if (this.#attempt.isStream) this.#start('firstEvent');
    else this.#start('idle', 'progress');
  }

  // An attempt goes on.

  #takeBytes(/** @type {Uint8Array} */ data) {
    if (this.state !== 'streaming') this.#expect('reading');
    if (!this.#deadlines.has('firstEvent')) this.#start('idle');
    try {
      for (const [event, text] of this.#attempt.takeBytes(data)) this.#takeEvent(event, text);
    } catch (error) {
      this.#breakOff(ours(error));
      return;
    }
    if (this.#attempt.message.stopped) this.#complete();
  }

  #takeEvent(/** @type {MessageEvent} */ event, /** @type {string} */ text) {
    if (this.#deadlines.has('firstEvent')) {
      this.#deadlines.clear('firstEvent');
      this.#start('idle', 'progress');
    }
    if (hasContent(event)) this.#start('progress');
    if (text) this.#show(this.#transcript.display.say(text));
    if (this.#attempt.message.stopReason !== null && !this.#deadlines.has('closing')) this.#start('closing');
  }

  // An attempt ends.

  #takeEnd() {
    if (this.state === 'reading') {
      this.#readBody();
      return;
    }
    this.#expect('streaming');
    this.#breakOff(new AnswerTruncated('the stream ended before the answer did'));
  }

  /** Whether the answer that is being streamed can miss nothing. */
  get #isWhole() {
    return this.state === 'streaming' && this.#attempt.message.whole;
  }

  /** The attempt can go no further. That is a failure, unless what came before is whole or says why. */
  #breakOff(/** @type {StreamError} */ error) {
    if (this.#isWhole) this.#complete();
    else this.#fail(this.#attempt.isRefused ? this.#attempt.refusal() : error);
  }

  /** A whole body that is no stream: an error, a message, or something else. */
  #readBody() {
    try {
      this.#attempt.readBody();
    } catch (error) {
      this.#fail(ours(error));
      return;
    }
    this.#show(this.#transcript.display.say(this.#attempt.message.text));
    this.#complete();
  }

  /** The message is whole on the wire; take it, unless its content shows that something was lost. */
  #complete() {
    /** @type {[Outcome, ToolCall[]]} */
    let result;
    try {
      result = this.#attempt.result();
    } catch (error) {
      this.#fail(ours(error));
      return;
    }
    this.#show(this.#transcript.display.finish());
    if (this.#attempt.strategy === 'restart') this.#ledger.startOver();
    const [outcome, tools] = result;
    const goesOn = this.#attempt.message.stopReason === 'pause_turn' && this.#pauses < this.#policy.maxPauses;
    if (goesOn) this.#goOn();
    else this.#finish(outcome, { tools });
  }

  /** The turn paused: send it back as it came, and go on. */
  #goOn() {
    this.#pauses += 1;
    this.#transcript.pause(this.#attempt.message);
    this.#leaveAttempt({ used: true });
    this.#ledger.settle();
    this.#attempt = new Attempt('restart', this.#limits); // what this one said is told and kept
    this.#backOff(0, 'goOn', null);
  }

  // An attempt has failed.

  /** Try again, or end the call with this error. */
  #fail(/** @type {StreamError} */ error) {
    error.message = withoutKey(error.message, this.#route.target.apiKey); // a server may quote it
    error.requestIds = this.#attempt.requestId === null ? [] : [this.#attempt.requestId];
    const changes = this.#isRefusedContinuation(error);
    if (changes) this.#refused.add(this.#attempt.strategy);
    const { place } = this.#route;
    const wait = this.#route.after(error, this.state === 'streaming', changes);
    if (wait === null) {
      this.#giveUp(error);
      return;
    }
    this.#errors.push(error);
    this.#transcript.interrupted(this.#attempt.message);
    this.#leaveAttempt({ sent: error.reached !== false, used: this.#hasShown });
    this.#backOff(wait, this.#next(place !== this.#route.place), error);
  }

  /** Whether the server would not continue like this: the same conversation without it had begun well. */
  #isRefusedContinuation(/** @type {StreamError} */ error) {
    return error instanceof ApiError && error.status === 400 && this.#attempt.strategy !== 'restart';
  }

  /** @returns {keyof typeof NEXT} */
  #next(/** @type {boolean} */ moved) {
    if (moved) return 'elsewhere';
    if (!this.#streams()) return 'withoutStream';
    return this.#strategy() === 'restart' ? 'retry' : 'continue';
  }

  #backOff(/** @type {number} */ wait, /** @type {keyof typeof NEXT} */ next, /** @type {StreamError | null} */ error) {
    this.state = 'backingOff';
    this.#deadlines.set('retry', this.#now + wait);
    this.#deliver({ type: 'notice', next, attempt: this.#attempts + 1, wait, error });
  }

  #giveUp(/** @type {StreamError} */ error) {
    this.#transcript.interrupted(this.#attempt.message);
    this.#finish(this.#transcript.display.text ? 'incomplete' : 'failed', { error });
  }

  #cancel() {
    this.#transcript.interrupted(this.#attempt.message);
    this.#finish('cancelled', {});
  }

  #leaveAttempt({ used = false, sent = true }) {
    if (['waiting', 'streaming', 'reading'].includes(this.state)) {
      this.#actions.push({ type: 'drop' });
      this.#ledger.add(this.#attempt.spent({ sent, used }));
      if (this.#attempt.requestId !== null) this.#requestIds.push(this.#attempt.requestId);
    }
    this.#deadlines.clear(...OF_ATTEMPT);
  }

  /** @param {Outcome} outcome @param {{error?: StreamError | null, tools?: ToolCall[]}} what */
  #finish(outcome, { error = null, tools = [] }) {
    const used = this.#hasShown || (error === null && outcome !== 'cancelled');
    this.#leaveAttempt({ sent: error?.reached !== false, used });
    this.#giveOut(this.#sentences.flush());
    this.state = 'done';
    const answer = this.#answer(outcome, error, tools);
    if (error) {
      Object.assign(error, { partial: answer.text, blocks: answer.content, earlier: [...this.#errors] });
      Object.assign(error, { attempts: answer.attempts, requestIds: answer.requestIds });
    }
    for (const call of tools) this.#deliver({ type: 'toolCall', ...call });
    this.#deliver({ type: 'done', answer });
  }

  /** @returns {Answer} */
  #answer(
    /** @type {Outcome} */ outcome,
    /** @type {StreamError | null} */ error,
    /** @type {ToolCall[]} */ toolCalls,
  ) {
    const { stopReason, stopSequence, stopDetails, container, unknownDeltas, usage, model, id } = this.#attempt.message;
    return {
      outcome,
      text: this.#transcript.display.text,
      stopReason,
      stopSequence,
      stopDetails,
      toolCalls,
      content: this.#transcript.content(this.#attempt.message),
      unknownDeltas,
      container: container ?? this.#transcript.container,
      usage,
      billed: this.#ledger.billed,
      wasted: this.#ledger.wasted,
      model,
      messageId: id,
      requestIds: [...this.#requestIds],
      attempts: this.#attempts,
      error,
    };
  }

  // The display.

  #deliver(/** @type {StreamEvent} */ event) {
    this.#actions.push({ type: 'deliver', event });
  }

  #show(/** @type {Shown} */ { text, reset }) {
    if (reset) {
      this.#ledger.startOver();
      this.#sentences.drop();
      this.#deliver({ type: 'reset' });
    }
    if (!text) return;
    this.#hasShown = true;
    this.#deliver({ type: 'text', text });
    this.#giveOut(this.#sentences.push(text, this.#now));
  }

  #giveOut(/** @type {string[]} */ whole) {
    for (const text of whole) this.#deliver({ type: 'sentence', text });
  }

  // Time.

  #takeTimer() {
    const due = this.#deadlines.take(this.#now);
    if (due === null) return;
    if (due === 'flush') this.#giveOut(this.#sentences.tick(this.#now));
    else if (due === 'retry') this.#openNext();
    else if (due === 'total' && !this.#isWhole) this.#giveUp(this.#stalled(due));
    else this.#breakOff(this.#stalled(due));
  }

  #start(/** @type {Limit[]} */ ...deadlines) {
    this.#deadlines.start(this.#now, ...deadlines);
  }

  #stalled(/** @type {Limit} */ deadline) {
    return new Stalled(`${DEADLINES[deadline]} (limit ${this.#limits[deadline]} s)`);
  }

  #setTimer() {
    this.#deadlines.set('flush', this.#sentences.due);
    const at = this.state === 'done' ? null : this.#deadlines.next;
    if (at === this.#wake) return;
    this.#wake = at;
    this.#actions.push({ type: 'wakeAt', at });
  }

  #expect(/** @type {State} */ state) {
    if (this.state !== state) {
      throw new Error(`the driver reported something of a connection while the session was ${this.state}`);
    }
  }
}

/** An error of ours that was caught; any other is a fault of this module and goes on. @returns {StreamError} */
function ours(/** @type {unknown} */ error) {
  if (error instanceof StreamError) return error;
  throw error;
}

// ---- call -----------------------------------------------------------------------------------------------------------

/**
 * What a driver does with a session. The session's clock stands still while the caller holds an event, so a slow reader
 * is never taken for a dead server.
 */
class Call {
  /** What is left to do, in order. @type {Deed[]} */
  actions = [];
  #session;
  #clock;
  /** Seconds that the caller has held events. */
  #held = 0;
  /** @type {number | null} */
  #left = null;
  /** @type {number | null} */
  #wake = null;

  /** @param {Session} session @param {() => number} clock monotonic seconds */
  constructor(session, clock) {
    this.#session = session;
    this.#clock = clock;
  }

  /** Whether the session has come to its end; actions may be left. */
  get over() {
    return this.#session.state === 'done';
  }

  /** The caller asks for the next event. */
  resume() {
    if (this.#left !== null) {
      this.#held += this.#clock() - this.#left;
      this.#left = null;
    } else if (this.#session.state === 'idle') {
      this.feed({ type: 'started' });
    }
  }

  /** The caller is given an event. */
  leave() {
    this.#left = this.#clock();
  }

  /** Give the session what happened; then its timer, if it is due: a busy peer must not keep it from firing. */
  feed(/** @type {Input} */ happened) {
    this.#handle(happened);
    if (this.#wake !== null && this.#wake <= this.#now()) this.#handle({ type: 'timer' });
  }

  /** End the call, if it is not over. */
  cancel() {
    if (!this.over) this.#handle({ type: 'cancel' });
  }

  /** Seconds until the timer is due, null while it is not set. */
  get timeout() {
    return this.#wake === null ? null : Math.max(0, this.#wake - this.#now());
  }

  #now() {
    return (this.#left ?? this.#clock()) - this.#held;
  }

  #handle(/** @type {Input} */ happened) {
    for (const action of this.#session.handle(happened, this.#now())) {
      if (action.type === 'wakeAt') this.#wake = action.at;
      else this.actions.push(action);
    }
  }
}

// ---- transport ------------------------------------------------------------------------------------------------------
// Why not `fetch`: in Node it refuses responses that HTTP allows (Transfer-Encoding beside Content-Length, RFC 9112
// 6.3), ends any wait for a response after 300 s, and cannot tell whether a connection was made. `node:http` does what
// is needed. Its parser is lenient here; what leniency lets in could only harm the next response on the connection, and
// there is none: a connection is used for one request, as what broke one answer may still sit in it.

/** Most bytes of a response's head. */
const MAX_HEAD_BYTES = 1 << 17;
/** Share of the connect limit that one address of a server has; Node's own 250 ms break slow networks. */
const ADDRESS_SHARE = 0.25;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One HTTP exchange as inputs of a session; `close` ends the connection. */
class Exchange {
  /** @type {http.ClientRequest | null} */
  #request = null;
  /** @type {import('node:stream').Readable | null} */
  #source = null;
  /** @type {NodeJS.Timeout | undefined} */
  #connecting;
  #connected = false;
  #over = false;
  /** What the parser or the socket complained of, if it did. @type {Error | null} */
  #complaint = null;
  #tell;

  /** @param {Open} opening @param {Limits} limits @param {(happened: Input) => void} tell */
  constructor(opening, limits, tell) {
    this.#tell = tell;
    try {
      this.#send(opening, limits);
    } catch (cause) {
      const isUnfit = cause instanceof TypeError || cause instanceof RangeError; // Node's own and those of JSON
      if (!isUnfit) this.#breakDown(cause);
      else this.#fail(new RequestNotSendable(`the request cannot be sent as it is (${errorText(cause)})`, { cause }));
    }
  }

  close() {
    this.#over = true;
    clearTimeout(this.#connecting);
    this.#request?.destroy();
    this.#source?.destroy();
  }

  /** Read no more until `resume`. */
  pause() {
    this.#source?.pause();
  }

  resume() {
    this.#source?.resume();
  }

  #send(/** @type {Open} */ { body, target }, /** @type {Limits} */ limits) {
    const url = new URL(target.baseUrl.replace(/\/+$/, '') + PATH);
    const raw = Buffer.from(jsonOf(body));
    const isSecure = url.protocol === 'https:';
    /** @type {https.RequestOptions & Partial<import('node:net').TcpNetConnectOpts>} */
    const options = {
      method: 'POST',
      agent: false,
      headers: headersFor(target, raw.length),
      insecureHTTPParser: true,
      maxHeaderSize: MAX_HEAD_BYTES,
      autoSelectFamilyAttemptTimeout: Math.max(250, Math.ceil(milliseconds(limits.connect) * ADDRESS_SHARE)),
    };
    const request = (isSecure ? https : http).request(url, options);
    this.#request = request;
    this.#connecting = setTimeout(() => {
      request.destroy(new Error(`not within ${limits.connect} s`));
    }, milliseconds(limits.connect));
    request.on('socket', (socket) => socket.once(isSecure ? 'secureConnect' : 'connect', () => this.#connect()));
    request.on('response', (response) => {
      try {
        this.#answer(response);
      } catch (cause) {
        this.#breakDown(cause);
      }
    });
    request.on('upgrade', (_, socket) => socket.destroy());
    request.on('error', (error) => {
      this.#complaint ??= error;
    });
    request.on('close', () => {
      if (!this.#source) this.#breakOff('it was closed');
    });
    request.end(raw);
  }

  #connect() {
    this.#connected = true;
    clearTimeout(this.#connecting);
  }

  #answer(/** @type {http.IncomingMessage} */ response) {
    const headers = headersOf(response);
    this.#say({ type: 'head', status: response.statusCode ?? 0, headers, wall: Date.now() / 1000 });
    const source = unpacked(response, headers['content-encoding'] ?? '');
    this.#source = source;
    source.on('data', (data) => this.#say({ type: 'bytes', data }));
    source.on('end', () => (response.complete ? this.#end() : this.#breakOff('it was closed')));
    source.on('error', (error) => {
      this.#complaint ??= error;
      this.#breakOff(error.message);
    });
  }

  #say(/** @type {Input} */ happened) {
    if (!this.#over) this.#tell(happened);
  }

  #end() {
    this.#say({ type: 'ended' });
    this.#over = true;
  }

  #fail(/** @type {StreamError} */ error) {
    clearTimeout(this.#connecting);
    this.#say({ type: 'failed', error });
    this.#over = true;
  }

  #breakDown(/** @type {unknown} */ cause) {
    this.#fail(new TransportBroken(`the HTTP client itself failed (${errorText(cause)})`, { cause }));
  }

  #breakOff(/** @type {string} */ why) {
    const cause = this.#complaint ?? new Error(why);
    const [Kind, what] = this.#kindOf(cause);
    this.#fail(new Kind(`${what} (${errorText(cause)})`, { cause }));
  }

  /** @returns {[typeof StreamError, string]} */
  #kindOf(/** @type {Error} */ cause) {
    if (!this.#connected) return [ConnectionFailed, 'no connection could be made'];
    if (!this.#source) return [NoResponse, 'the connection broke before any response'];
    if ('code' in cause && String(cause.code).startsWith('Z_')) return [ProtocolError, 'the compressed body is broken'];
    return [ConnectionLost, 'the connection broke in the middle of the response'];
  }
}

function headersFor(/** @type {Target} */ target, /** @type {number} */ size) {
  return {
    'content-type': 'application/json',
    'content-length': size,
    'x-api-key': target.apiKey,
    'anthropic-version': VERSION,
    'accept-encoding': 'identity',
    'user-agent': `streamproof (node ${process.version})`,
    connection: 'close',
  };
}

/** The header fields, each once. @returns {Record<string, string>} */
function headersOf(/** @type {http.IncomingMessage} */ response) {
  const fields = Object.entries(response.headersDistinct).map(([name, values]) => [name, values?.join(', ')]);
  return Object.fromEntries(fields);
}

/**
 * The body of `response` without its content coding. What could be unpacked of a body that breaks off comes before the
 * end, and so does the end of one that was cut.
 *
 * @param {http.IncomingMessage} response @param {string} coding @returns {import('node:stream').Readable}
 */
function unpacked(response, coding) {
  if (!['gzip', 'deflate'].includes(coding.toLowerCase())) return response;
  const flush = zlib.constants.Z_SYNC_FLUSH;
  const unzip = zlib.createUnzip({ flush, finishFlush: flush });
  response.on('data', (data) => {
    if (!unzip.write(data)) response.pause();
  });
  unzip.on('drain', () => response.resume());
  response.on('end', () => unzip.end());
  response.on('error', () => unzip.end());
  return unzip;
}

/** `body` as JSON that says what was meant, or nothing. @throws {Error} */
function jsonOf(/** @type {Json} */ body) {
  return JSON.stringify(body, (name, value) => {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${value} is not JSON`);
    if (typeof value === 'string' && !value.isWellFormed()) throw new RangeError(`half a character in '${name}'`);
    return value;
  });
}

/** @param {number} seconds */
const milliseconds = (seconds) => Math.min(Math.ceil(seconds * 1000), MAX_TIMER_MS);

function errorText(/** @type {unknown} */ error) {
  if (!(error instanceof Error)) return String(error);
  const kind = 'code' in error ? String(error.code) : error.name;
  return error.message ? (kind === 'Error' ? error.message : `${kind}: ${error.message}`) : kind;
}

// ---- driver ---------------------------------------------------------------------------------------------------------

/** A reader that stops reading makes the socket stop too: at most so many bytes wait here. */
const READ_AHEAD_BYTES = 1 << 20;
/** When the timer fires the socket is looked at once more: an event loop that was late may have bytes waiting. */
const LATE_LOOP_SECONDS = 0.005;

/** What has happened on the connection and was not handled yet. */
class Mailbox {
  /** @type {Input[]} */
  #arrived = [];
  #size = 0;
  #wake = () => {};

  /** Whether as much waits as may. */
  get isFull() {
    return this.#size > READ_AHEAD_BYTES;
  }

  put(/** @type {Input} */ happened) {
    this.#arrived.push(happened);
    if (happened.type === 'bytes') this.#size += happened.data.length;
    this.#wake();
  }

  /** Let `take` return. */
  wake() {
    this.#wake();
  }

  clear() {
    this.#arrived = [];
    this.#size = 0;
  }

  /**
   * What has happened, all bytes that are here as one; null when nothing does for `seconds` (null: for ever).
   *
   * @param {number | null} seconds
   * @returns {Promise<Input | null>}
   */
  async take(seconds) {
    if (!this.#arrived.length) await this.#news(seconds);
    const first = this.#arrived.shift();
    if (first?.type !== 'bytes') return first ?? null;
    const pieces = [first.data];
    while (this.#arrived[0]?.type === 'bytes') {
      pieces.push(this.#arrived[0].data);
      this.#arrived.shift();
    }
    this.#size = 0;
    return { type: 'bytes', data: pieces.length > 1 ? Buffer.concat(pieces) : first.data };
  }

  /** @returns {Promise<void>} */
  #news(/** @type {number | null} */ seconds) {
    return new Promise((resolve) => {
      const timer = seconds === null ? undefined : setTimeout(() => this.#wake(), milliseconds(seconds));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}

/** One call. `for await` gives its events; a loop that is left early closes the connection. */
class AnswerStream {
  #call;
  #limits;
  #signal;
  #mail = new Mailbox();
  /** @type {Exchange | null} */
  #exchange = null;
  #begun = false;
  #cancelled = false;

  /** @param {Call} call @param {Limits} limits @param {AbortSignal | undefined} signal */
  constructor(call, limits, signal) {
    this.#call = call;
    this.#limits = limits;
    this.#signal = signal;
  }

  /** @returns {AsyncIterableIterator<StreamEvent>} */
  [Symbol.asyncIterator]() {
    if (this.#begun) throw new Error('a stream can be read once; ask again for another answer');
    this.#begun = true;
    const events = this.#events();
    return {
      next: () => events.next(),
      return: () => {
        this.cancel(); // also while an event is being waited for: a generator alone would wait for that first
        return events.return();
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** End the call at once: the connection is closed, the loop gets what came, and `done` (cancelled). */
  cancel() {
    this.#cancelled = true;
    this.#exchange?.close();
    this.#mail.wake();
  }

  /** @returns {AsyncGenerator<StreamEvent, void>} */
  async *#events() {
    const stop = () => this.cancel();
    this.#signal?.addEventListener('abort', stop);
    if (this.#signal?.aborted) stop();
    try {
      for (let event = await this.#next(); event; event = await this.#next()) {
        if (event.type === 'done' && event.answer.error) throw event.answer.error;
        yield event;
      }
    } finally {
      this.#signal?.removeEventListener('abort', stop);
      this.#call.cancel();
      this.#drop();
    }
  }

  /** The next event for the caller, null after the last. */
  async #next() {
    const call = this.#call;
    if (this.#cancelled) call.cancel();
    call.resume();
    for (;;) {
      const event = this.#act();
      if (event) {
        call.leave();
        return event;
      }
      if (call.over) return null;
      const happened = await this.#nextInput();
      if (this.#cancelled) call.cancel();
      else call.feed(happened);
    }
  }

  /** Carry out what is to be done, up to the next event. */
  #act() {
    for (let action = this.#call.actions.shift(); action; action = this.#call.actions.shift()) {
      if (action.type === 'deliver') return action.event;
      this.#drop();
      if (action.type !== 'open' || this.#cancelled) continue;
      this.#exchange = new Exchange(action, this.#limits, (input) => this.#take(input));
    }
    return null;
  }

  /** Whatever comes first: something on the connection, or the timer. @returns {Promise<Input>} */
  async #nextInput() {
    this.#exchange?.resume();
    let happened = await this.#mail.take(this.#call.timeout);
    if (!happened && this.#exchange && !this.#cancelled) happened = await this.#mail.take(LATE_LOOP_SECONDS);
    return happened ?? { type: 'timer' };
  }

  #take(/** @type {Input} */ happened) {
    this.#mail.put(happened);
    if (this.#mail.isFull) this.#exchange?.pause();
  }

  #drop() {
    this.#exchange?.close();
    this.#exchange = null;
    this.#mail.clear();
  }
}

// ---- client ---------------------------------------------------------------------------------------------------------

/**
 * @typedef {{model?: string | null, baseUrl?: string | null, apiKey?: string | null}} Fallback Another model or server;
 *   what it does not say is as for the first target.
 */

/** A client for streamed answers that recovers, or says honestly that it could not. */
export class StreamClient {
  #policy;
  #targets;
  #chance;
  #clock;

  /**
   * @param {object} settings
   * @param {string} settings.apiKey sent as `x-api-key`
   * @param {string} [settings.baseUrl] the API, or anything that speaks it
   * @param {Settings} [settings.policy] limits and rules, as far as they are not the usual ones
   * @param {Fallback[]} [settings.fallbacks] asked in order when the first one fails
   * @param {() => number} [settings.chance] the source of jitter, from 0 to 1
   * @param {() => number} [settings.clock] monotonic seconds
   * @throws {TypeError} a setting is wrong; the message says which
   */
  constructor(
    {
      apiKey,
      baseUrl = 'https://api.anthropic.com',
      policy = {},
      fallbacks = [],
      chance = Math.random,
      clock = () => performance.now() / 1000,
    } = /** @type {any} */ ({}),
  ) {
    if (typeof apiKey !== 'string') throw new TypeError('apiKey must be a string');
    if (!Array.isArray(fallbacks)) throw new TypeError('fallbacks must be a list');
    this.#policy = policyOf(policy);
    this.#targets = [{}, ...fallbacks].map((one, number) => targetOf(one, number, { apiKey, baseUrl }));
    this.#chance = chance;
    this.#clock = clock;
  }

  /**
   * Ask, and get the events of the answer as they come.
   *
   * @param {Json} request the JSON body of a Messages request (`model`, `max_tokens`, `messages`...)
   * @param {{signal?: AbortSignal}} [options] abort it to cancel: `done` comes at once, with what was kept
   * @returns {AnswerStream} the last event is `done`; it throws a StreamError when the answer is not whole and cannot
   *   be made whole, with what was shown in its `partial`
   */
  stream(request, { signal } = {}) {
    if (!isObject(request)) throw new TypeError('a request must be an object');
    const session = new Session(request, this.#policy, this.#chance, this.#targets);
    return new AnswerStream(new Call(session, this.#clock), this.#policy.limits, signal);
  }

  /**
   * Ask and wait for the end.
   *
   * @param {Json} request
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Answer>} look at its `outcome`: an answer can be truncated, refused, paused or cancelled
   * @throws {StreamError} as `stream` does
   */
  async complete(request, options) {
    for await (const event of this.stream(request, options)) {
      if (event.type === 'done') return event.answer;
    }
    throw new Error('a call ended without an answer');
  }
}

/** @returns {Target} @throws {TypeError} */
function targetOf(/** @type {Fallback} */ given, /** @type {number} */ number, /** @type {Fallback} */ first) {
  if (!isObject(given)) throw new TypeError(`fallback ${number} must be an object`);
  for (const [name, value] of Object.entries({ ...first, ...given })) {
    mustBeKnown(name, ['model', 'baseUrl', 'apiKey'], number ? `fallback ${number}` : 'settings');
    if (typeof (value ?? '') !== 'string') throw new TypeError(`${name} must be a string`);
  }
  const { apiKey, baseUrl } = { ...first, ...definite(given) };
  return { model: given.model ?? null, baseUrl: baseUrl ?? '', apiKey: apiKey ?? '' };
}

/** What is set of `given`. @param {Json} given @returns {Json} */
const definite = (given) => Object.fromEntries(Object.entries(given).filter(([, value]) => (value ?? null) !== null));

// ---- program --------------------------------------------------------------------------------------------------------

const USAGE = `\
usage: node streamproof.mjs          one job in JSON on the standard input
       node streamproof.mjs --many   many jobs, one JSON line each, run at once

A job:  {"base_url": "https://api.anthropic.com", "api_key": "...", "request": {"model": ..., "max_tokens": ...,
         "messages": [...]}, "policy": {"limits": {"idle": 60}, "retry": {"max_attempts": 3}},
         "fallbacks": [{"model": ..., "base_url": ..., "api_key": ...}], "seed": "for the jitter"}
        Only api_key and request must be there. With --many it also has an "id", which is in every line about it;
        {"id": ..., "cancel": true} cancels it. Jobs with the same "client", a name, are made by one client, which
        is as the first of them says; {"client": ..., "close": true} forgets it.
Output: one JSON line for each event; the last one of a job is of the type "done" or "error".
Exit:   0 when every answer is complete, 1 when one is not, 2 when a job cannot be understood.
`;

/** A job that cannot be understood; the message says why. */
class BadJob extends Error {
  name = 'BadJob';
}

const JOB = ['base_url', 'api_key', 'request', 'policy', 'fallbacks', 'seed', 'client'];
const FALLBACK = ['model', 'base_url', 'api_key'];

/**
 * @param {unknown} job
 * @param {Map<unknown, StreamClient>} kept the clients that several jobs share, by name
 * @returns {[StreamClient, Json]} the client that a job asks for, and its request
 * @throws {BadJob}
 */
function jobOf(job, kept) {
  try {
    if (!isObject(job)) throw new TypeError('a job must be a JSON object');
    for (const name of Object.keys(job)) mustBeKnown(name, JOB, 'job');
    if (!isObject(job.request)) throw new TypeError('job.request must be an object');
    if (typeof job.api_key !== 'string') throw new TypeError('job.api_key must be a string');
    if (!isUrl(job.base_url ?? 'https://')) throw new TypeError('job.base_url must be an http(s) URL');
    const settings = {
      apiKey: job.api_key,
      baseUrl: job.base_url ?? undefined,
      policy: camelCased(job.policy ?? {}),
      fallbacks: fallbacksOf(job.fallbacks ?? []),
      chance: job.seed === undefined ? undefined : seeded(JSON.stringify(job.seed)),
    };
    const client = kept.get(job.client) ?? new StreamClient(settings);
    if ((job.client ?? null) !== null) kept.set(job.client, client);
    return [client, job.request];
  } catch (error) {
    throw new BadJob(/** @type {Error} */ (error).message, { cause: error });
  }
}

/** @param {unknown} text */
const isUrl = (text) => typeof text === 'string' && /^https?:\/\//.test(text);

/** @returns {Fallback[]} @throws {TypeError} */
function fallbacksOf(/** @type {unknown} */ given) {
  if (!Array.isArray(given)) throw new TypeError('job.fallbacks must be a list');
  return given.map((one, number) => {
    const where = `job.fallbacks[${number}]`;
    if (!isObject(one)) throw new TypeError(`${where} must be an object`);
    for (const name of Object.keys(one)) mustBeKnown(name, FALLBACK, where);
    if (!isUrl(one.base_url ?? 'https://')) throw new TypeError(`${where}.base_url must be an http(s) URL`);
    return camelCased(one);
  });
}

/** @param {any} value with keys in snake case @returns {any} */
function camelCased(value) {
  if (!isObject(value)) return value;
  const camel = (/** @type {string} */ name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [camel(name), camelCased(one)]));
}

/** @param {Json} value @returns {Json} */
function snakeCased(value) {
  const snake = (/** @type {string} */ name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [snake(name), one]));
}

/** Chance that is the same for the same seed (FNV-1a, mulberry32). */
function seeded(/** @type {string} */ seed) {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @returns {Json} */
function lineOf(/** @type {StreamEvent} */ event) {
  if (event.type === 'notice') return { ...event, what: NEXT[event.next], error: event.error && toldOf(event.error) };
  return event.type === 'done' ? { type: 'done', answer: snakeCased(event.answer) } : event;
}

/** What a line tells of an error. @returns {Json} */
function toldOf(/** @type {unknown} */ error) {
  if (!(error instanceof StreamError))
    return { name: said(Object(error).name), message: errorText(error), typed: false };
  const { name, message, retryable, sent, partial, blocks, requestIds, attempts } = error;
  const { status = null, kind = null, retryAfter = null } = error instanceof ApiError ? error : {};
  const earlier = error.earlier.map((one) => ({ name: one.name, message: one.message }));
  const told = { status, kind, retryAfter, retryable, sent, partial, blocks, requestIds, attempts, earlier };
  return { name, message, typed: true, ...snakeCased(told) };
}

/** @type {Promise<unknown> | undefined} */
let drained;

/** Print a line; wait when nobody reads. @returns {Promise<unknown> | undefined} */
function print(/** @type {Json} */ line) {
  if (process.stdout.write(`${JSON.stringify(line)}\n`)) return undefined;
  drained ??= new Promise((resolve) => process.stdout.once('drain', resolve)).finally(() => (drained = undefined));
  return drained;
}

/**
 * Run one job and print what happens.
 *
 * @param {() => unknown} read gives the job, or throws BadJob, perhaps as a promise
 * @param {Json} prefix of every line
 * @param {AbortSignal} signal
 * @param {Map<unknown, StreamClient>} kept the clients that several jobs share, by name
 * @returns {Promise<number>} the exit status that stands for what came of it
 */
async function run(read, prefix, signal, kept) {
  try {
    const [client, request] = jobOf(await read(), kept);
    let outcome = '';
    for await (const event of client.stream(request, { signal })) {
      if (event.type === 'done') outcome = event.answer.outcome;
      await print({ ...prefix, ...lineOf(event) });
    }
    return outcome === 'complete' ? 0 : 1;
  } catch (error) {
    await print({ ...prefix, type: 'error', error: toldOf(error) });
    if (error instanceof BadJob) return 2;
    if (!(error instanceof StreamError)) console.error(error);
    return 1;
  }
}

/** @returns {unknown} @throws {BadJob} */
function parsed(/** @type {string} */ text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadJob(`a job must be JSON: ${/** @type {Error} */ (error).message}`, { cause: error });
  }
}

/** The standard input, to its end or until it is closed because nothing more is to be read. */
async function* input() {
  try {
    yield* process.stdin.setEncoding('utf8');
  } catch (error) {
    if (!process.stdin.destroyed) throw error;
  }
}

/** Lines of the standard input. Not those of `node:readline`: it takes U+2028, which JSON may hold, for an end. */
async function* linesOfInput() {
  /** @type {string[]} */
  let held = [];
  for await (const chunk of input()) {
    const [first, ...more] = chunk.split('\n');
    held.push(first);
    for (const next of more) {
      yield held.join('');
      held = [next];
    }
  }
  yield held.join('');
}

/** @returns {Promise<number>} */
async function runOne(/** @type {AbortSignal} */ stop) {
  let text = '';
  for await (const chunk of input()) text += chunk;
  return stop.aborted ? 1 : run(() => parsed(text), {}, stop, new Map());
}

/** @returns {Promise<number>} */
async function runMany(/** @type {AbortSignal} */ stop) {
  /** @type {Map<unknown, AbortController>} */
  const jobs = new Map();
  /** @type {Map<unknown, StreamClient>} */
  const kept = new Map();
  let status = 0;
  stop.addEventListener('abort', () => jobs.forEach((job) => job.abort()));

  const take = async (/** @type {string} */ line) => {
    const [id, cancel, job, forgotten] = numbered(line, jobs);
    if (forgotten !== null) return void kept.delete(forgotten);
    if (cancel) return jobs.get(id)?.abort();
    const controller = new AbortController();
    if (id !== null) jobs.set(id, controller);
    const code = await run(job, { id }, controller.signal, kept); // not inside of max: other jobs end meanwhile
    status = Math.max(status, code);
    if (id !== null) jobs.delete(id);
  };

  /** @type {Set<Promise<void>>} */
  const running = new Set();
  for await (const line of linesOfInput()) {
    if (!line.trim()) continue;
    const taken = take(line).finally(() => running.delete(taken));
    running.add(taken);
  }
  await Promise.all(running);
  return status;
}

/**
 * What a line of many asks for.
 *
 * @param {string} line
 * @param {Map<unknown, unknown>} running the ids that are taken
 * @returns {[string | number | null, boolean, () => unknown, unknown]} an id, null when it can have none; whether to
 *   cancel it; what gives the job; and the name of a client that is to be forgotten, or null
 */
function numbered(line, running) {
  try {
    const asked = parsed(line);
    const { id, cancel = false, close = false, ...job } = isObject(asked) ? asked : {};
    if (close === true) return [null, false, () => job, job.client ?? null];
    if (typeof id !== 'string' && typeof id !== 'number') throw new BadJob('a job must have an id, text or a number');
    if (!cancel && running.has(id)) throw new BadJob(`a job with the id ${id} is under way`);
    return [id, cancel === true, () => job, null];
  } catch (error) {
    return [null, false, () => Promise.reject(error), null];
  }
}

/** @param {string[]} words of the command line @returns {Promise<number>} the exit status */
async function main(words) {
  if (words.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (words.some((word) => word !== '--many')) {
    process.stderr.write(USAGE);
    return 2;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort());
  stop.signal.addEventListener('abort', () => process.stdin.destroy());
  process.stdout.on('error', () => process.exit(1)); // nobody reads: closing all connections is all that is left to do
  return words.length ? runMany(stop.signal) : runOne(stop.signal);
}

/** Whether this module is the program that was started; symbolic links may lead to it. */
function isProgram() {
  try {
    return realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}

if (isProgram()) {
  main(process.argv.slice(2)).then((status) => {
    process.exitCode = status;
  });
}
