// Fetches the page's list again while a report is being made, and puts it in place of the old one.
(() => {
  const pause = 2000;
  const look = async () => {
    const list = document.getElementById("reports");
    if (!list || !list.dataset.unfinished) return;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("reports");
        if (fresh) list.replaceWith(fresh);
      }
    } catch {
      // The server is being started again, perhaps: the next look tells.
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
})();
