// llama.cpp on the same file and cores: a task a line in, a result a line out, so that both programs can take turns.
//   node peer.mjs MODEL.gguf PACKAGES THREADS
//   {"prompt":128,"decode":64,"sequences":1} -> {"prefill":50.1,"decode":9.8}
// A task evaluates a prompt of `prompt` tokens in each of `sequences` sequences, then feeds each of them `decode` tokens,
// one a pass, all sequences in the same pass; rates are tokens per second of all sequences together. Token ids are fixed:
// random weights may end an answer at any step, and what is decoded does not change what a pass costs. Sampling is not
// counted.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [path, packages, threads] = process.argv.slice(2);
const batchSize = 512;

const name = `${process.platform}-${process.arch}`;
const folder = join(packages, "@node-llama-cpp", name, "bins", name);
if (!existsSync(folder)) {
    throw new Error(`there is no prebuilt llama.cpp for ${name} in ${packages}`);
}

const llama = createRequire(import.meta.url)(join(folder, "llama-addon.node"));
llama.setLogger(() => {});
llama.loadBackends();
llama.loadBackends(folder);
await llama.init();

const model = new llama.AddonModel(path, { gpuLayers: 0, useMmap: true, addonExports: llama });
if (!(await model.init())) {
    throw new Error(`llama.cpp does not load ${path}`);
}

console.log(JSON.stringify({ system: llama.systemInfo().trim() }));

let context = null;
let shape = "";
for await (const line of createInterface({ input: process.stdin })) {
    const task = JSON.parse(line);
    await makeContext(task);
    console.log(JSON.stringify(await run(task)));
}

await context?.dispose();
await model.dispose();

// A context divides its cells among its sequences for good: one for each shape of task.
async function makeContext({ prompt, decode, sequences }) {
    const cells = Math.ceil((prompt + decode) / 256) * 256 * sequences;
    if (shape === `${cells}/${sequences}`) {
        return;
    }

    await context?.dispose();
    context = new llama.AddonContext(model, {
        contextSize: cells, batchSize, sequences, threads: Number(threads), flashAttention: "auto",
    });
    if (!(await context.init())) {
        throw new Error(`llama.cpp cannot make a context of ${cells} cells`);
    }

    context.setThreads(Number(threads));
    shape = `${cells}/${sequences}`;

    // What a context does on its first pass is not a pass's cost.
    await pass([[0, 0, 1, true]]);
}

async function run({ prompt, decode, sequences }) {
    const all = Array.from({ length: sequences }, (_, s) => s);
    all.forEach(s => context.disposeSequence(s));
    const begun = performance.now();
    for (const s of all) {
        for (let at = 0; at < prompt; at += batchSize) {
            const length = Math.min(batchSize, prompt - at);
            await pass([[s, at, length, at + length === prompt]]);
        }
    }

    const prefilled = performance.now();
    for (let i = 0; i < decode; i++) {
        await pass(all.map(s => [s, prompt + i, 1, true]));
    }

    const rate = (tokens, milliseconds) => tokens > 0 ? tokens * sequences / milliseconds * 1000 : 0;
    return { prefill: rate(prompt, prefilled - begun), decode: rate(decode, performance.now() - prefilled) };
}

async function pass(parts) {
    context.initBatch(parts.reduce((sum, [, , length]) => sum + length, 0));
    for (const [sequence, first, length, wantsLogits] of parts) {
        const tokens = Uint32Array.from({ length }, (_, i) => 1000 + (sequence * 7919 + (first + i) * 104729) % 20000);
        context.addToBatch(sequence, first, tokens, Uint32Array.from(wantsLogits ? [length - 1] : []));
    }

    await context.decodeBatch();
}
