// Players and the pictures above them: one clip is heard at a time, a line in its picture moves with it, and a click on
// the picture plays from there.
"use strict";

(() => {
  const MOST_OPEN = 24; // browsers refuse to play when some 75 players of a page hold a clip
  const opened = [];

  const playAlone = audio => {
    for (const other of opened) if (other !== audio) other.pause();
    if (opened.includes(audio)) opened.splice(opened.indexOf(audio), 1);
    opened.push(audio);
    if (opened.length > MOST_OPEN) opened.shift().load();
  };

  const connect = (audio, picture) => {
    const cursor = picture.querySelector(".cursor"), frame = picture.parentElement;
    const seconds = Number(picture.dataset.seconds), width = picture.viewBox.baseVal.width;

    const draw = () => {
      const place = Math.min(audio.currentTime / seconds, 1) * width;
      cursor.setAttribute("transform", `translate(${place})`);
      cursor.classList.add("on");
      const isSeen = place >= frame.scrollLeft && place <= frame.scrollLeft + frame.clientWidth;
      if (!isSeen) frame.scrollLeft = place - 20;
    };

    const drawOn = () => {
      draw();
      if (!audio.paused) requestAnimationFrame(drawOn);
    };

    audio.addEventListener("play", drawOn);
    for (const name of ["seeked", "pause", "ended"]) audio.addEventListener(name, draw);
    picture.addEventListener("click", event => {
      const box = picture.getBoundingClientRect();
      audio.currentTime = ((event.clientX - box.left) / box.width) * seconds;
      audio.play().catch(() => {}); // another clip was begun before this one was heard
    });
  };

  for (const audio of document.querySelectorAll("audio")) audio.addEventListener("play", () => playAlone(audio));
  for (const figure of document.querySelectorAll("figure.clip")) {
    connect(figure.querySelector("audio"), figure.querySelector("svg"));
  }

  // A link to a card opens it.
  const openTarget = hash => {
    const target = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  document.addEventListener("click", event => openTarget(event.target.closest("a[href^='#']")?.hash));
  openTarget(location.hash);
})();
