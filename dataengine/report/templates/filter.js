
(() => {
  const field = document.getElementById("filter");
  if (!field) return;
  const cards = [...document.querySelectorAll(".picture")].map((card) => [card, card.textContent.toLowerCase()]);
  const status = document.getElementById("filter-status");
  const update = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [card, text] of cards) {
      card.hidden = !words.every((word) => text.includes(word));
      shown += card.hidden ? 0 : 1;
    }
    status.textContent = words.length ? `${shown} of ${cards.length}` : "";
  };
  field.closest("form").hidden = false;
  field.closest("form").addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", update);
})();
