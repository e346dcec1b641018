"use strict";
// What scripts see of Postman's `pm`: the part that docs/journeys.md lists. What is asked of it beyond that throws
// and says its name, so that nothing is passed over in silence.
(() => {
  let state, out;
  const UNSET = Symbol("unset");

  const words = (value) => {
    if (typeof value === "string") return "'" + value + "'";
    if (typeof value === "function") return "[Function]";
    if (value === undefined) return "undefined";
    if (value instanceof RegExp) return String(value);
    if (pm && value === pm.response) return "the response";
    try {
      return JSON.stringify(value);
    } catch (error) {
      return String(value);
    }
  };

  let pm;

  class AssertionError extends Error {
    constructor(message) {
      super(message);
      this.name = "AssertionError";
    }
  }

  const missing = (place) => {
    throw new Error(place + " is not supported here");
  };

  const kindOf = (value) => {
    if (value === null) return "null";
    if (value === undefined) return "undefined";
    const name = Object.prototype.toString.call(value).slice(8, -1).toLowerCase();
    return name;
  };

  const deepEqual = (left, right, seen = []) => {
    if (Object.is(left, right)) return true;
    if (kindOf(left) !== kindOf(right)) return false;
    if (typeof left !== "object" || left === null) return false;
    if (left instanceof Date) return left.getTime() === right.getTime();
    if (left instanceof RegExp) return String(left) === String(right);
    if (seen.some(([a, b]) => a === left && b === right)) return true;
    const deeper = seen.concat([[left, right]]);
    const names = Object.keys(left);
    if (names.length !== Object.keys(right).length) return false;
    return names.every(
      (name) => Object.prototype.hasOwnProperty.call(right, name) && deepEqual(left[name], right[name], deeper),
    );
  };

  const lengthOf = (value) => {
    if (value !== null && value !== undefined) {
      if (typeof value.length === "number") return value.length;
      if (typeof value.size === "number") return value.size;
    }
    throw new AssertionError("expected " + words(value) + " to have property 'length'");
  };

  // --- expect ---------------------------------------------------------------------------------------------

  class Expectation {
    constructor(value, flags = {}) {
      this.value = value;
      this.flags = flags;
    }

    check(holds, wanted) {
      if (Boolean(holds) === Boolean(this.flags.not)) {
        const message = "expected " + words(this.value) + (this.flags.not ? " not" : "") + " to " + wanted;
        throw new AssertionError(this.flags.message ? this.flags.message + ": " + message : message);
      }
      return this.again();
    }

    again(value = this.value, flags = {}) {
      return wrapped(new Expectation(value, { ...this.flags, not: false, ...flags }));
    }

    same(left, right) {
      return this.flags.deep ? deepEqual(left, right) : left === right;
    }
  }

  const CHAINS = ["to", "be", "been", "is", "that", "which", "and", "has", "have", "with", "at", "of", "same", "but", "does", "still", "also"];
  const properties = {
    not: (e) => wrapped(new Expectation(e.value, { ...e.flags, not: !e.flags.not })),
    deep: (e) => e.again(e.value, { deep: true, not: e.flags.not }),
    any: (e) => e.again(e.value, { any: true, not: e.flags.not }),
    all: (e) => e.again(e.value, { any: false, not: e.flags.not }),
    nested: (e) => e.again(e.value, { nested: true, not: e.flags.not }),
    own: (e) => e.again(e.value, { own: true, not: e.flags.not }),
    ok: (e) => e.check(e.value, "be truthy"),
    true: (e) => e.check(e.value === true, "be true"),
    false: (e) => e.check(e.value === false, "be false"),
    null: (e) => e.check(e.value === null, "be null"),
    undefined: (e) => e.check(e.value === undefined, "be undefined"),
    NaN: (e) => e.check(Number.isNaN(e.value), "be NaN"),
    exist: (e) => e.check(e.value !== null && e.value !== undefined, "exist"),
    finite: (e) => e.check(typeof e.value === "number" && Number.isFinite(e.value), "be a finite number"),
    empty: (e) => {
      const value = e.value;
      if (value === null || (typeof value !== "object" && typeof value !== "string"))
        throw new AssertionError(".empty was passed " + words(value));
      const size = typeof value === "string" || Array.isArray(value) ? value.length : (value.size ?? Object.keys(value).length);
      return e.check(size === 0, "be empty");
    },
  };

  const numeric = (e, limit, holds, words_) => {
    const value = e.flags.length ? lengthOf(e.value) : e.value;
    if (typeof value !== "number" && !(value instanceof Date))
      throw new AssertionError("expected " + words(value) + " to be a number or a date");
    return e.check(holds(value, limit), words_ + " " + words(limit));
  };

  const typed = (e, type) => {
    const wanted = String(type).toLowerCase();
    const article = /^[aeiou]/.test(wanted) ? "an " : "a ";
    return e.check(kindOf(e.value) === wanted, "be " + article + wanted);
  };

  const includes = (e, wanted) => {
    const value = e.value;
    let holds = false;
    if (typeof value === "string") holds = value.includes(wanted);
    else if (Array.isArray(value)) holds = value.some((each) => (e.flags.deep ? deepEqual(each, wanted) : each === wanted));
    else if (value !== null && typeof value === "object" && wanted !== null && typeof wanted === "object")
      holds = Object.keys(wanted).every((name) => e.same(value[name], wanted[name]));
    else throw new AssertionError("object tested must be an array, an object or a string, but " + words(value) + " given");
    return e.check(holds, "include " + words(wanted));
  };

  const property = (e, name, ...rest) => {
    const parts = e.flags.nested ? String(name).replace(/\[(\d+)\]/g, ".$1").split(".") : [name];
    let found = e.value, has = true;
    for (const part of parts) {
      if (found === null || found === undefined) {
        has = false;
        break;
      }
      const object = Object(found);
      has = e.flags.own ? Object.prototype.hasOwnProperty.call(object, part) : part in object;
      if (!has) break;
      found = object[part];
    }
    if (rest.length === 0) {
      e.check(has, "have property " + words(name));
      return e.again(found);
    }
    e.check(has && e.same(found, rest[0]), "have property " + words(name) + " of " + words(rest[0]));
    return e.again(found);
  };

  const keys = (e, ...names) => {
    const wanted = (Array.isArray(names[0]) ? names[0] : names.length === 1 && typeof names[0] === "object" ? Object.keys(names[0]) : names).map(String);
    const own = Object.keys(Object(e.value));
    const holds = e.flags.any
      ? wanted.some((name) => own.includes(name))
      : wanted.every((name) => own.includes(name)) && (e.flags.contain || own.length === wanted.length);
    return e.check(holds, "have keys " + words(wanted));
  };

  const members = (e, wanted) => {
    if (!Array.isArray(e.value) || !Array.isArray(wanted)) throw new AssertionError("expected an array of members");
    const equal = e.flags.deep ? deepEqual : (left, right) => left === right;
    const rest = e.value.slice();
    const holds = wanted.every((each) => {
      const at = rest.findIndex((other) => equal(each, other));
      if (at >= 0) rest.splice(at, 1);
      return at >= 0;
    });
    return e.check(holds && (e.flags.contain || rest.length === 0), "have members " + words(wanted));
  };

  const throwing = (e, ...wanted) => {
    let thrown = UNSET;
    try {
      e.value();
    } catch (error) {
      thrown = error;
    }
    const [text] = wanted.filter((each) => typeof each === "string" || each instanceof RegExp);
    const message = thrown === UNSET ? "" : String(thrown && thrown.message);
    const fits = text === undefined || (text instanceof RegExp ? text.test(message) : message.includes(text));
    return e.check(thrown !== UNSET && fits, "throw");
  };

  const methods = {
    equal: (e, other) => e.check(e.same(e.value, other), (e.flags.deep ? "deeply " : "") + "equal " + words(other)),
    eql: (e, other) => e.check(deepEqual(e.value, other), "deeply equal " + words(other)),
    a: typed,
    include: includes,
    property,
    above: (e, limit) => numeric(e, limit, (x, y) => x > y, "be above"),
    least: (e, limit) => numeric(e, limit, (x, y) => x >= y, "be at least"),
    below: (e, limit) => numeric(e, limit, (x, y) => x < y, "be below"),
    most: (e, limit) => numeric(e, limit, (x, y) => x <= y, "be at most"),
    within: (e, low, high) => numeric(e, high, (x) => x >= low && x <= high, "be within " + words(low) + " to"),
    closeTo: (e, other, delta) => e.check(Math.abs(e.value - other) <= delta, "be close to " + words(other)),
    oneOf: (e, list) => e.check(list.some((each) => e.same(e.value, each)), "be one of " + words(list)),
    match: (e, pattern) => e.check(pattern.test(e.value), "match " + words(pattern)),
    string: (e, text) => e.check(typeof e.value === "string" && e.value.includes(text), "contain " + words(text)),
    lengthOf: (e, size) => e.check(lengthOf(e.value) === size, "have a length of " + words(size)),
    keys,
    members,
    instanceof: (e, type) => e.check(e.value instanceof type, "be an instance of " + type.name),
    satisfy: (e, judge) => e.check(judge(e.value), "satisfy a function"),
    throw: throwing,
    respondTo: (e, name) => e.check(typeof Object(e.value)[name] === "function", "respond to " + words(name)),
  };
  Object.assign(methods, {
    an: methods.a, equals: methods.equal, eq: methods.equal, eqls: methods.eql, includes: methods.include,
    contain: methods.include, contains: methods.include, gt: methods.above, greaterThan: methods.above,
    gte: methods.least, greaterThanOrEqual: methods.least, lt: methods.below, lessThan: methods.below,
    lte: methods.most, lessThanOrEqual: methods.most, matches: methods.match, length: methods.lengthOf,
    key: methods.keys, instanceOf: methods.instanceof, throws: methods.throw, Throw: methods.throw,
    approximately: methods.closeTo, satisfies: methods.satisfy,
  });

  // Of pm.response: `to.have.status(200)`, `to.be.json` and the like.
  const STATUS_WORDS = {
    info: [100, 199], success: [200, 299], redirection: [300, 399], clientError: [400, 499], serverError: [500, 599],
    error: [400, 599], ok: [200, 200], accepted: [202, 202], badRequest: [400, 400], unauthorized: [401, 401],
    forbidden: [403, 403], notFound: [404, 404], rateLimited: [429, 429],
  };
  const responseProperties = {
    json: (e) => {
      let is = true;
      try {
        JSON.parse(state.response.body);
      } catch (error) {
        is = false;
      }
      return e.check(is, "have a JSON body");
    },
    withBody: (e) => e.check(state.response.body !== "", "have a body"),
  };
  for (const [name, [low, high]] of Object.entries(STATUS_WORDS))
    responseProperties[name] = (e) =>
      e.check(e.value.code >= low && e.value.code <= high, "have status " + low + (low === high ? "" : "-" + high) + " but got " + e.value.code);
  const responseMethods = {
    status: (e, wanted) =>
      typeof wanted === "number"
        ? e.check(e.value.code === wanted, "have status code " + wanted + " but got " + e.value.code)
        : e.check(e.value.status === wanted, "have status reason " + words(wanted) + " but got " + words(e.value.status)),
    header: (e, name, ...rest) => {
      const found = e.value.headers.get(name);
      return rest.length === 0
        ? e.check(found !== undefined, "have header " + words(name))
        : e.check(rest[0] instanceof RegExp ? rest[0].test(found) : found === String(rest[0]), "have header " + words(name) + " of " + words(rest[0]) + " but got " + words(found));
    },
    body: (e, ...rest) =>
      rest.length === 0
        ? e.check(state.response.body !== "", "have a body")
        : e.check(rest[0] instanceof RegExp ? rest[0].test(state.response.body) : state.response.body === rest[0], "have body " + words(rest[0])),
    jsonBody: (e, ...rest) => {
      const body = pm.response.json();
      if (rest.length === 0) return e.check(true, "have a JSON body");
      if (typeof rest[0] !== "string") return e.check(deepEqual(body, rest[0]), "have JSON body " + words(rest[0]));
      const found = rest[0].replace(/\[(\d+)\]/g, ".$1").split(".").reduce((at, part) => (at === null || at === undefined ? undefined : at[part]), body);
      return rest.length === 1
        ? e.check(found !== undefined, "have JSON body with property " + words(rest[0]))
        : e.check(deepEqual(found, rest[1]), "have JSON body with " + words(rest[0]) + " of " + words(rest[1]));
    },
    responseTime: (e, limit) => e.check(e.value.responseTime < limit, "answer within " + limit),
  };

  const wrapped = (expectation) => {
    const isResponse = expectation.value === pm.response && expectation.value !== undefined;
    const target = function () {};
    return new Proxy(target, {
      get(_, name) {
        if (typeof name === "symbol") return undefined;
        if (CHAINS.includes(name)) return wrapped(expectation);
        if (isResponse && name in responseProperties) return responseProperties[name](expectation);
        if (isResponse && name in responseMethods) return (...rest) => responseMethods[name](expectation, ...rest);
        if (name in properties && !(name in methods)) return properties[name](expectation);
        if (name in methods) {
          // `length` and `include` are words and calls at once: `length.above(2)`, `include.keys("a")`.
          const flags = { length: { length: true }, lengthOf: { length: true } }[name] ??
            (/^(include|contain)/.test(name) ? { contain: true } : {});
          const next = wrapped(new Expectation(expectation.value, { ...expectation.flags, ...flags }));
          const call = (...rest) => methods[name](expectation, ...rest);
          return new Proxy(call, { get: (_call, inner) => next[inner] });
        }
        if (name === "then") return undefined;
        return missing("expect: " + String(name));
      },
    });
  };

  const expect = (value, message) => wrapped(new Expectation(value, message ? { message } : {}));
  expect.fail = (message) => {
    throw new AssertionError(message || "expect.fail()");
  };

  // --- pm -------------------------------------------------------------------------------------------------

  const toText = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const replaceIn = (text) =>
    String(text).replace(/\{\{\s*([^{}]+?)\s*\}\}/g, (whole, name) =>
      name in state.variables ? toText(state.variables[name]) : whole,
    );
  const variables = (isData) => ({
    get: (name) => {
      const found = (isData ? state.row : state.variables)[name];
      // What an answer brought is no template: it could ask for a secret to be put in.
      return typeof found === "string" && (isData || !state.found.includes(name)) ? replaceIn(found) : found;
    },
    has: (name) => name in (isData ? state.row : state.variables),
    set: (name, value) => {
      if (isData) return missing("pm.iterationData.set");
      state.variables[name] = value;
      if (!state.found.includes(name)) state.found.push(name);
      out.put[name] = value === undefined ? null : value;
      out.dropped = out.dropped.filter((each) => each !== name);
    },
    unset: (name) => {
      delete state.variables[name];
      delete out.put[name];
      out.dropped.push(name);
    },
    clear: () => missing("variables.clear"),
    replaceIn,
    toObject: () => ({ ...(isData ? state.row : state.variables) }),
    toJSON: () => ({ ...(isData ? state.row : state.variables) }),
  });

  const headerList = (pairs, add) => ({
    get: (name) => {
      const found = pairs.filter(([key]) => key.toLowerCase() === String(name).toLowerCase());
      return found.length ? found[found.length - 1][1] : undefined;
    },
    has: (name) => pairs.some(([key]) => key.toLowerCase() === String(name).toLowerCase()),
    one: (name) => {
      const found = pairs.find(([key]) => key.toLowerCase() === String(name).toLowerCase());
      return found && { key: found[0], value: found[1] };
    },
    all: () => pairs.map(([key, value]) => ({ key, value })),
    each: (call) => pairs.forEach(([key, value]) => call({ key, value })),
    toObject: () => Object.fromEntries(pairs),
    count: () => pairs.length,
    add: add || (() => missing("headers.add")),
    upsert: add || (() => missing("headers.upsert")),
    remove: () => missing("headers.remove"),
  });

  const REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found",
    303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    409: "Conflict", 410: "Gone", 415: "Unsupported Media Type", 422: "Unprocessable Entity", 429: "Too Many Requests",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
  };

  const responseOf = (answer) => {
    const response = {
      code: answer.code,
      status: REASONS[answer.code] || "",
      responseTime: answer.ms,
      responseSize: answer.bytes,
      headers: headerList(answer.headers),
      cookies: answer.cookies,
      text: () => answer.body,
      json: () => {
        try {
          return JSON.parse(answer.body);
        } catch (error) {
          throw new Error("the answer is not JSON: " + error.message);
        }
      },
      reason: () => REASONS[answer.code] || "",
      size: () => ({ body: answer.bytes, header: 0, total: answer.bytes }),
      mime: () => missing("pm.response.mime"),
    };
    const chain = () => expect(response);
    Object.defineProperty(response, "to", { get: () => chain() });
    return response;
  };

  const test = (name, call) => {
    const done = { name: String(name), passed: true, message: "" };
    out.tests.push(done);
    try {
      if (call && call.length > 0) missing("pm.test with done()");
      const found = call && call();
      if (found && typeof found.then === "function") missing("pm.test with async");
    } catch (error) {
      done.passed = false;
      done.message = error && error.name ? error.name + ": " + error.message : String(error);
    }
    return pm;
  };
  test.skip = () => pm;
  test.index = () => out.tests.length;

  pm = { test, expect };
  globalThis.pm = pm;
  for (const place of ["sendRequest", "vault", "visualizer", "require"])
    Object.defineProperty(pm, place, { get: () => missing("pm." + place) });
  globalThis.require = () => missing("require");

  const log = (...values) => {
    if (out.console.length < 50) out.console.push(values.map((each) => (typeof each === "string" ? each : words(each))).join(" "));
  };
  globalThis.console = { log, info: log, warn: log, error: log, debug: log, clear: () => undefined };
  globalThis.setTimeout = () => missing("setTimeout");
  globalThis.setInterval = () => missing("setInterval");

  const jump = (name) => {
    out.jump = name === null || name === undefined ? null : String(name);
  };

  globalThis.__begin = (text) => {
    state = JSON.parse(text);
    state.found = state.found || [];
    out = { tests: [], put: {}, dropped: [], headers: [], console: [], error: "" };
    pm.variables = pm.environment = pm.collectionVariables = pm.globals = variables(false);
    pm.environment.name = "";
    pm.iterationData = variables(true);
    const request = state.request;
    const add = (given) => {
      const pair = typeof given === "string" ? [given.split(":")[0].trim(), given.slice(given.indexOf(":") + 1).trim()] : [given.key, String(given.value)];
      if (state.event !== "prerequest") missing("pm.request.headers.add after the request");
      request.headers.push(pair);
      out.headers.push(pair);
    };
    const url = { toString: () => request.url, toJSON: () => request.url };
    url.getPath = () => "/" + request.url.replace(/^[a-z]+:\/\/[^/?#]*\/?/i, "").split(/[?#]/)[0];
    url.getHost = () => (request.url.match(/^[a-z]+:\/\/([^/:?#]*)/i) || ["", ""])[1];
    url.getQueryString = () => (request.url.split("?")[1] || "").split("#")[0];
    pm.request = {
      method: request.method,
      url,
      headers: headerList(request.headers, add),
      body: { raw: request.body, mode: "raw", toString: () => request.body },
    };
    pm.info = { eventName: state.event, requestName: state.name, requestId: state.name, iteration: 0, iterationCount: 1 };
    pm.execution = { setNextRequest: jump, skipRequest: () => missing("pm.execution.skipRequest"), location: [state.name] };
    pm.cookies = {
      get: (name) => (state.response ? state.response.cookies[name] : undefined),
      has: (name) => Boolean(state.response && name in state.response.cookies),
      toObject: () => ({ ...(state.response ? state.response.cookies : {}) }),
      jar: () => missing("pm.cookies.jar"),
    };
    globalThis.tests = {};
    globalThis.data = state.row;
    globalThis.environment = globalThis.globals = state.variables;
    globalThis.iteration = 0;
    globalThis.request = { method: request.method, url: request.url, headers: Object.fromEntries(request.headers), data: request.body };
    if (state.response) {
      pm.response = responseOf(state.response);
      globalThis.responseBody = state.response.body;
      globalThis.responseCode = { code: state.response.code, name: REASONS[state.response.code] || "" };
      globalThis.responseTime = state.response.ms;
      globalThis.responseHeaders = Object.fromEntries(state.response.headers);
    }
    const set = (name, value) => pm.variables.set(name, value);
    const get = (name) => pm.variables.get(name);
    const clear = (name) => pm.variables.unset(name);
    globalThis.postman = {
      setEnvironmentVariable: set, getEnvironmentVariable: get, clearEnvironmentVariable: clear,
      setGlobalVariable: set, getGlobalVariable: get, clearGlobalVariable: clear,
      setNextRequest: jump, getResponseHeader: (name) => pm.response && pm.response.headers.get(name),
    };
  };

  globalThis.__end = (error) => {
    for (const [name, passed] of Object.entries(globalThis.tests || {}))
      out.tests.push({ name, passed: Boolean(passed), message: "" });
    if (error) out.error = error;
    return JSON.stringify(out);
  };
})();
