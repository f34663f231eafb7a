// A board's browser side: cells to click, and one focus for all of it: number keys play, arrow keys move a frame, Enter plays.
function render({ model, el }) {
  const board = document.createElement("div");
  board.className = "minitrain-board";
  board.tabIndex = 0;
  board.setAttribute("role", "application");
  board.setAttribute("data-lm-suppress-shortcuts", "true");             // or JupyterLab takes the digits for headings
  el.append(board);
  let at = 0;                                                           // the cell in the frame

  const moveAt = cell => model.get("drop") ? cell % model.get("columns") : cell;
  const play = cell => model.send({ move: moveAt(cell) });

  function show() {
    const rows = model.get("rows"), columns = model.get("columns"), marks = model.get("marks"), side = rows > 3 ? 44 : 68;
    at = Math.min(at, rows * columns - 1);
    board.setAttribute("aria-label", model.get("label"));
    board.style.cssText = `display:inline-grid;grid-template-columns:repeat(${columns},${side}px);gap:3px;padding:4px;`
      + "background:#8a8a8a;border-radius:4px;margin:2px";
    board.replaceChildren(...Array.from({ length: rows * columns }, (_, cell) => {
      const mark = marks[cell], made = document.createElement("div"), name = mark === "." ? "empty" : mark;
      made.setAttribute("role", "img");
      made.setAttribute("aria-label", `row ${1 + Math.floor(cell / columns)}, column ${1 + cell % columns}: ${name}`);
      made.dataset.cell = cell;
      made.textContent = mark !== "." ? mark : model.get("drop") && cell >= columns ? "" : cell + 1;    // the keys that play there
      const colour = mark === "X" ? "#0072B2" : mark === "O" ? "#D55E00" : "#8a8a8a", last = model.get("last") === cell;
      made.style.cssText = `height:${side}px;line-height:${side}px;text-align:center;cursor:pointer;user-select:none;`
        + `background:${last ? "#fff3bf" : "#ffffff"};color:${colour};`
        + `font:${mark === "." ? "" : "bold"} ${mark === "." ? 13 : 0.6 * side}px/${side}px sans-serif;`
        + `outline:${cell === at ? "3px solid #222222" : "none"};outline-offset:-3px`;
      made.onclick = () => { at = cell; play(cell); };
      return made;
    }));
    frame();
  }

  function frame() {                                                    // seen only while the board has the keys
    const here = document.activeElement === board;
    for (const cell of board.children) cell.style.outline = here && +cell.dataset.cell === at ? "3px solid #222222" : "none";
  }

  board.onkeydown = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;         // the browser's own, such as Ctrl+1
    const rows = model.get("rows"), columns = model.get("columns"), row = Math.floor(at / columns), column = at % columns;
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (steps) at = Math.min(rows - 1, Math.max(0, row + steps[0])) * columns + Math.min(columns - 1, Math.max(0, column + steps[1]));
    else if (event.key === "Enter" || event.key === " ") play(at);
    else if (/^[1-9]$/.test(event.key)) model.send({ move: +event.key - 1 });
    else return;
    event.preventDefault();
    event.stopPropagation();
    frame();
  };
  board.onfocus = board.onblur = frame;
  show();
  const names = "change:marks change:rows change:columns change:drop change:last change:label";
  model.on(names, show);
  return () => model.off(names, show);
}
export default { render };
