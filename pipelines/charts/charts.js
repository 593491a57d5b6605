// What pages run: each <figure data-chart="URL"> is drawn once the page stands there. It is bundled together with
// vega-embed, which the bundler names vegaEmbed (see bundle.py). Expressions are interpreted (ast), never compiled:
// the pages' policy forbids eval. Styles are ours (halton.css): the policy forbids those that scripts would add.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const options = {
  ast: true,
  actions: false,
  renderer: "svg",
  defaultStyle: false,
  logLevel: 1, // errors: what the compiler thinks of a specification says nothing to its readers
  tooltip: { disableDefaultStyle: true },
};

async function draw(figure) {
  const plot = figure.querySelector(".plot");
  const theme = dark.matches ? "dark" : "light";
  if (figure.dataset.drawn === theme) return;
  figure.dataset.drawn = theme;
  try {
    const url = new URL(figure.dataset.chart, window.location.origin);
    url.searchParams.set("theme", theme);
    const answer = await fetch(url, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const made = await answer.json();
    const place = document.createElement("div");
    place.className = "plot-drawn";
    const before = figure.view;
    if (!made.datasets || made.datasets.rows.length === 0) {
      figure.dataset.state = "empty";
      say(plot, "Nothing to draw in this period.");
      return;
    }
    plot.append(place);
    const drawn = await vegaEmbed(place, made, options);
    if (before) before.finalize();
    figure.view = drawn;
    for (const child of [...plot.children]) if (child !== place) child.remove();
    figure.dataset.state = "drawn";
  } catch (error) {
    delete figure.dataset.drawn;
    figure.dataset.state = "failed";
    say(plot, "The chart could not be drawn. Its table has the same figures.");
    console.warn(String(error));
  }
}

function say(plot, words) {
  const line = document.createElement("p");
  line.className = "plot-state quiet";
  line.textContent = words;
  plot.replaceChildren(line);
}

async function drawAll() {
  for (const figure of document.querySelectorAll("figure[data-chart]")) await draw(figure);
}

dark.addEventListener("change", drawAll);
// After the first paint: the page's words and numbers come first.
if (document.querySelector("figure[data-chart]")) requestAnimationFrame(() => setTimeout(drawAll, 0));
