// Sorting and filtering of the sampled responses; without it they are simply all shown.
(function () {
  "use strict";
  var list = document.getElementById("samples");
  if (!list) return;
  var cards = Array.prototype.slice.call(list.children);
  var bar = document.createElement("div");
  bar.className = "controls";

  var scored = cards.some(function (card) {
    return card.dataset.agrees !== "unknown";
  });

  function select(label, options) {
    var box = document.createElement("label");
    var field = document.createElement("select");
    options.forEach(function (option) {
      field.add(new Option(option[1], option[0]));
    });
    box.append(label + " ", field);
    bar.append(box);
    field.addEventListener("change", update);
    return field;
  }
  var show = select("Show", [
    ["all", "all"],
    ["right", "right"],
    ["wrong", "wrong"],
  ].concat(scored ? [["false", "score disagrees"]] : []));
  var sort = select("Sort by", (scored ? [["score", "self-reward"]] : []).concat([
    ["length", "length"],
    ["index", "file order"],
  ]));
  var tally = document.createElement("output");
  bar.append(tally);

  function update() {
    var sign = sort.value === "index" ? 1 : -1;
    cards.sort(function (a, b) {
      return sign * (a.dataset[sort.value] - b.dataset[sort.value]) || a.dataset.index - b.dataset.index;
    });
    var shown = 0;
    cards.forEach(function (card) {
      var keep =
        show.value === "all" ||
        (show.value === "right" && card.dataset.right === "true") ||
        (show.value === "wrong" && card.dataset.right === "false") ||
        card.dataset.agrees === show.value;
      card.hidden = !keep;
      shown += keep ? 1 : 0;
      list.append(card);
    });
    tally.textContent = shown + " of " + cards.length;
  }
  list.before(bar);
  update();
})();
