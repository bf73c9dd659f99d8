// Drives a Toxiproxy with toxiproxy-node-client, and prints what it saw as JSON.
// node toxiproxy_node_client.js URL UPSTREAM
"use strict";

const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const SAID = "hello world";

// What an echo behind the proxy answers before the connection ends, or why there is none.
function heard(proxy) {
  const [host, port] = proxy.listen.split(":");
  return new Promise((resolve) => {
    let data = "";
    const socket = net.connect(Number(port), host, () => socket.write(SAID));
    socket.on("data", (piece) => {
      data += piece;
      if (data.length >= SAID.length) socket.destroy();
    });
    socket.on("error", (error) => resolve(error.code));
    socket.on("close", () => resolve(data));
  });
}

async function failure(promise) {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error.message;
  }
}

async function main(url, upstream) {
  const toxiproxy = new Toxiproxy(url);
  const seen = { version: await toxiproxy.getVersion() };

  const proxy = await toxiproxy.createProxy({ name: "p", listen: "127.0.0.1:0", upstream });
  seen.created = proxy.toJson();
  seen.listed = Object.keys(await toxiproxy.getAll());
  seen.inspected = (await toxiproxy.get("p")).toJson();
  seen.before = await heard(proxy);

  const toxic = await proxy.addToxic({ type: "limit_data", attributes: { bytes: 4 } });
  seen.added = toxic.toJson();
  seen.limited = await heard(proxy);
  seen.updated = (await toxic.update({ attributes: { bytes: 6 } })).toJson();
  seen.kept = (await proxy.getToxic(toxic.name)).toJson();
  seen.longer = await heard(proxy);
  await toxic.remove();
  seen.removed = await heard(proxy);

  seen.disabled = (await proxy.update({ ...proxy.toJson(), enabled: false })).enabled;
  seen.refused = await heard(proxy);
  seen.enabled = (await proxy.update({ ...proxy.toJson(), enabled: true })).enabled;
  seen.again = await heard(proxy);

  const both = await toxiproxy.populate([
    { name: "p", listen: proxy.listen, upstream, enabled: true },
    { name: "q", listen: "127.0.0.1:0", upstream, enabled: true },
  ]);
  seen.populated = Object.keys(both);
  seen.through_q = await heard(both.q);

  seen.errors = {
    duplicate_proxy: await failure(toxiproxy.createProxy({ name: "p", listen: "127.0.0.1:0", upstream })),
    missing_proxy: await failure(toxiproxy.get("none")),
    missing_toxic: await failure(proxy.getToxic("none")),
    invalid_toxic: await failure(proxy.addToxic({ type: "none", attributes: {} })),
  };

  await proxy.addToxic({ type: "limit_data", attributes: { bytes: 4 } });
  await both.q.update({ ...both.q.toJson(), enabled: false });
  await toxiproxy.reset();
  seen.reset = [await heard(proxy), await heard(both.q)];

  await proxy.remove();
  await both.q.remove();
  seen.deleted = Object.keys(await toxiproxy.getAll());
  return seen;
}

main(...process.argv.slice(2)).then((seen) => console.log(JSON.stringify(seen)));
