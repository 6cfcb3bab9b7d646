// The listening test: a question at a time, in an order of each listener's own, and answers as a CSV file.
"use strict";

(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const memory = `listening-test-${content.test}`;
  const COLUMNS = ["test", "listener", "seed", "position", "kind", "clip_a", "clip_b", "answer", "plays", "seconds"];
  const QUESTIONS = {
    mos: {
      title: "How natural is this?",
      players: ["Clip"],
      answers: [["5", "5", "Excellent"], ["4", "4", "Good"], ["3", "3", "Fair"], ["2", "2", "Poor"], ["1", "1", "Bad"]],
    },
    ab: {
      title: "Which sounds more natural?",
      players: ["A", "B"],
      answers: [["a", "a", "A"], ["same", "s", "No difference"], ["b", "b", "B"]],
    },
  };
  const part = name => document.getElementById(name);
  let state = null, trials = [], heard = [], plays = 0, begun = 0;

  // A small generator of numbers from 0 to 1 (mulberry32), so that a seed gives an order again.
  const generator = seed => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };

  const shuffled = (items, random) => {
    const found = [...items];
    for (let last = found.length - 1; last > 0; last--) {
      const other = Math.floor(random() * (last + 1));
      [found[last], found[other]] = [found[other], found[last]];
    }
    return found;
  };

  const order = seed => {
    const random = generator(seed);
    const rated = shuffled(content.rated, random).map(clip => ({ kind: "mos", clips: [clip] }));
    const paired = shuffled(content.paired, random).map(pair => ({ kind: "ab", clips: shuffled(pair, random) }));
    return [...rated, ...paired];
  };

  // What was answered survives a reload; browsers that keep nothing for files on disk lose it.
  const keep = () => { try { localStorage.setItem(memory, JSON.stringify(state)); } catch { /* not kept */ } };
  const forget = () => { try { localStorage.removeItem(memory); } catch { /* was not kept */ } };
  const kept = () => { try { return JSON.parse(localStorage.getItem(memory)); } catch { return null; } };

  const show = name => {
    for (const each of ["start", "trial", "end"]) part(each).hidden = each !== name;
    const title = part(name).querySelector("h1");
    if (name !== "start") title.focus();
  };

  const player = (name, clip) => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const audio = document.createElement("audio");
    caption.textContent = name;
    Object.assign(audio, { controls: true, preload: "auto", src: content.clips[clip] });
    audio.setAttribute("aria-label", name);
    audio.addEventListener("play", () => {
      plays++;
      for (const other of part("players").querySelectorAll("audio")) if (other !== audio) other.pause();
    });
    audio.addEventListener("ended", () => { heard.push(clip); review(); });
    figure.append(caption, audio);
    return figure;
  };

  const answer = ([value, key, text]) => {
    const label = document.createElement("label"), input = document.createElement("input");
    const hint = document.createElement("kbd");
    Object.assign(label, { className: "answer" });
    Object.assign(input, { type: "radio", name: "answer", value });
    hint.textContent = key.toUpperCase();
    input.dataset.key = key;
    input.addEventListener("change", review);
    label.append(input, ` ${text} `, hint);
    return label;
  };

  const trial = () => trials[state.answers.length];
  const chosen = () => part("answers").querySelector("input:checked")?.value;
  const isHeard = () => trial().clips.every(clip => heard.includes(clip));

  const review = () => {
    const isReady = isHeard() && chosen() !== undefined;
    part("next").setAttribute("aria-disabled", String(!isReady));
    part("hint").textContent = isReady ? "" : isHeard() ? "Choose an answer." : "Listen to the end first.";
  };

  const ask = () => {
    if (!trial()) return finish();
    const { kind, clips } = trial(), question = QUESTIONS[kind];
    heard = [];
    plays = 0;
    begun = performance.now();
    part("progress").textContent = `${state.answers.length + 1} of ${trials.length}`;
    Object.assign(part("bar"), { max: trials.length, value: state.answers.length });
    part("question").textContent = question.title;
    part("players").replaceChildren(...clips.map((clip, index) => player(question.players[index], clip)));
    part("answers").replaceChildren(...question.answers.map(answer));
    show("trial");
    review();
  };

  const goOn = () => {
    if (part("next").getAttribute("aria-disabled") === "true") return;
    const { kind, clips } = trial(), seconds = ((performance.now() - begun) / 1000).toFixed(1);
    state.answers.push({
      position: state.answers.length + 1, kind, clip_a: clips[0], clip_b: clips[1] ?? "", answer: chosen(), plays, seconds,
    });
    keep();
    ask();
  };

  const quoted = value => `"${String(value).replaceAll('"', '""')}"`;

  const finish = () => {
    const common = { test: content.test, listener: state.listener, seed: state.seed };
    const rows = state.answers.map(each => COLUMNS.map(name => quoted({ ...common, ...each }[name])).join(","));
    const file = new Blob([[COLUMNS.join(","), ...rows, ""].join("\r\n")], { type: "text/csv" });
    const name = state.listener.replace(/[^\p{L}\p{N}-]+/gu, "-");
    Object.assign(part("download"), { href: URL.createObjectURL(file), download: `results-${content.test}-${name}.csv` });
    show("end");
  };

  // A seed in the address, as in page.html#seed=7, gives an order again.
  const drawn = () => {
    const stated = Number(new URLSearchParams(location.hash.slice(1)).get("seed"));
    return stated || crypto.getRandomValues(new Uint32Array(1))[0];
  };

  const begin = () => {
    const seed = drawn();
    state = { listener: part("listener").value.trim() || `listener-${seed.toString(16)}`, seed, answers: [] };
    trials = order(seed);
    ask();
  };

  const press = event => {
    if (part("trial").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const input = part("answers").querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    const isOnControl = event.target.closest("audio, button, input");
    if (input) {
      input.checked = true;
      review();
    } else if (event.key === " " && !isOnControl) {
      const players = [...part("players").querySelectorAll("audio")];
      (players.find((_, index) => !heard.includes(trial().clips[index])) ?? players[0]).play().catch(() => {}); // the other was begun
      event.preventDefault();
    } else if (event.key === "Enter" && !event.target.closest("audio, button")) {
      goOn();
    }
  };

  part("amount").textContent = [
    content.rated.length && `${content.rated.length} to rate`,
    content.paired.length && `${content.paired.length} pairs to compare`,
  ].filter(Boolean).join(", and ");
  part("begin").addEventListener("click", begin);
  part("next").addEventListener("click", goOn);
  part("again").addEventListener("click", () => { forget(); location.reload(); });
  document.addEventListener("keydown", press);
  state = kept();
  if (state) {
    trials = order(state.seed);
    ask();
  }
})();
