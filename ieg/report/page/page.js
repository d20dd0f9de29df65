'use strict';
// The gallery of the audit: labels, and other findings in sections of their own. Every text gets into the page by textContent or as an attribute
// value, never as markup.
(() => {
  const find = (id) => document.getElementById(id);
  if (!find('audit-rows')) return;
  const audit = JSON.parse(find('audit-rows').textContent);
  const size = audit.index.length; // rows from here on are images that only sections name
  const split = Array(size).fill('train');
  for (const other of audit.others) {
    split.push(other.split);
    audit.index.push(other.index);
    audit.path?.push(other.path);
    audit.given.push(other.given);
    audit.suggested.push(other.given);
    audit.true.push(-1);
    audit.score.push(null);
  }
  const MARKS = { wrong: '✗', fine: '✓', unsure: '?', drop: '–' };
  // What an earlier decision has made of a label; one that was left out is not shown at all.
  const EARLIER = { wrong: 'corrected', relabel: 'corrected', fine: '✓ before', unsure: '? before' };
  const KEYS = { w: 'wrong', f: 'fine', u: 'unsure', d: 'drop' };
  const STORE = `ieg label audit ${audit.key}`;
  let thumbnails = null; // read when the first card is made
  let rows = []; // what the filters leave, in the order that was asked for
  let page = 0;
  let chosen = 0; // a place in rows
  let section = null; // of audit.sections, or null for the labels
  const groups = new Map(); // row → its group in the section
  const notes = new Map(); // row → its note there
  const decisions = new Map(); // row → { decision, label }, a label being '' or the number of a class
  const before = new Map(); // row → the last decision that its label has been corrected by
  const trained = (row) => split[row] === 'train';
  const byIndex = new Map(audit.index.map((index, row) => [index, row]).filter(([, row]) => trained(row)));
  const relabelled = new Set(); // rows that the menu of labels has marked wrong, and nobody confirmed

  const control = (id) => find(id).value;
  const perPage = () => Number(control('per-page'));
  const pages = () => Math.max(1, Math.ceil(rows.length / perPage()));
  const name = (label) => audit.classes[label];
  const number = (value) => (value === null ? 'unknown' : String(value));
  const called = (row) => `${trained(row) ? '' : `${split[row]} `}${audit.noun} ${audit.index[row]}`;
  const shownScore = (row) => notes.get(row) ?? audit.score[row]?.toFixed(3) ?? '';
  const suggests = (row) => audit.suggested[row] !== audit.given[row];
  const counted = (count, word) => `${count.toLocaleString('en')} ${word}`;

  function make(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // Decisions, kept in this browser by the index of the example.

  function restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(STORE)) || {};
      for (const [index, [decision, label]] of Object.entries(kept)) {
        const row = byIndex.get(Number(index));
        const known = Object.hasOwn(MARKS, decision) && (label === '' || Object.hasOwn(audit.classes, label));
        if (row !== undefined && known) decisions.set(row, { decision, label });
      }
    } catch {
      complain();
    }
  }

  function readEarlier() {
    const byPath = new Map((audit.path || []).map((path, row) => [path, row]));
    for (const { index, path, decision } of audit.earlier) {
      const row = path ? byPath.get(path) : byIndex.get(Number(index));
      if (row !== undefined) before.set(row, decision);
    }
    find('before').hidden = audit.earlier.length === 0;
    if (!audit.earlier.length) find('filter-decision').querySelector('[value=before]').remove();
  }

  function keep() {
    const kept = {};
    for (const [row, { decision, label }] of decisions) kept[audit.index[row]] = [decision, label];
    try {
      localStorage.setItem(STORE, JSON.stringify(kept));
    } catch {
      complain();
    }
  }

  function complain() {
    const place = find('storage-problem');
    place.textContent = 'This browser keeps no decisions: save them before you close the page.';
    place.hidden = false;
  }

  function decide(row, decision, label) {
    if (decision === null) decisions.delete(row);
    else decisions.set(row, { decision, label: decision === 'wrong' ? label : '' });
    relabelled.delete(row);
    keep();
    showDecision(row);
    showCount();
    inspect();
  }

  // A mark that is given twice is taken back; any other moves on to the next image. Who chooses a
  // new label and then says wrong has not said it twice: that confirms the label.
  function mark(decision) {
    const row = rows[chosen];
    if (row === undefined || !trained(row)) return;
    if (decision === 'wrong' && relabelled.delete(row)) {
      choose(chosen + 1);
      return;
    }
    if (decisions.get(row)?.decision === decision) {
      decide(row, null);
      return;
    }
    decide(row, decision, suggests(row) ? audit.suggested[row] : '');
    choose(chosen + 1);
  }

  // One image of a group stays, with its label as it is or as decided; the others are dropped.
  function keepOne() {
    const row = rows[chosen];
    if (!section?.one_each || row === undefined) return;
    const group = groups.get(row);
    for (const other of group.rows) {
      if (other !== row && trained(other)) decide(other, 'drop');
    }
    if (trained(row) && decisions.get(row)?.decision !== 'wrong') decide(row, 'fine');
    const next = rows.findIndex((other, place) => place > chosen && groups.get(other) !== group);
    choose(next < 0 ? chosen : next);
  }

  // What is shown.

  function enter(chosenSection) {
    section = chosenSection;
    groups.clear();
    notes.clear();
    for (const group of section?.groups ?? []) {
      group.rows.forEach((row, k) => {
        groups.set(row, group);
        notes.set(row, group.notes[k]);
      });
    }
    [...find('sections').children].forEach((button, k) => {
      button.setAttribute('aria-pressed', String((audit.sections[k - 1] ?? null) === section));
    });
    find('order').disabled = section !== null;
    find('keep-one').hidden = find('copies-hint').hidden = !section?.one_each;
    select();
  }

  // Done when a control changes and not at every mark: nothing moves while somebody works.
  function select() {
    const [given, suggested, decision] = ['given', 'suggested', 'decision'].map((what) =>
      control(`filter-${what}`),
    );
    rows = [];
    for (const row of section ? groups.keys() : Array(size).keys()) {
      if (given !== '' && audit.given[row] !== Number(given)) continue;
      if (suggested !== '' && !(suggests(row) && audit.suggested[row] === Number(suggested))) continue;
      if (decision && (decisions.get(row)?.decision ?? (before.has(row) ? 'before' : 'none')) !== decision) continue;
      rows.push(row);
    }
    const order = control('order');
    if (order !== 'score' && !section) rows.sort((a, b) => audit[order][a] - audit[order][b] || a - b);
    page = chosen = 0;
    showPage();
  }

  function showPage() {
    const first = page * perPage();
    const there = rows.slice(first, first + perPage());
    const shown = there.flatMap((row, k) => {
      const begins = groups.get(row)?.title && groups.get(row) !== groups.get(there[k - 1]);
      return begins ? [heading(groups.get(row).title), card(row)] : [card(row)];
    });
    find('cards').replaceChildren(...shown);
    const last = first + there.length;
    find('shown').textContent = rows.length
      ? `${(first + 1).toLocaleString('en')} to ${last.toLocaleString('en')} of ${counted(rows.length, section ? 'images' : 'labels')}`
      : `no ${section ? 'image' : 'label'} fits these filters`;
    find('previous').disabled = page === 0;
    find('next').disabled = page >= pages() - 1;
    there.forEach(showDecision);
    showChosen();
  }

  function picture(row) {
    thumbnails ??= JSON.parse(find('audit-thumbnails').textContent);
    return thumbnails[row];
  }

  function image(row) {
    const source = picture(row);
    if (!source) return null;
    const made = make('img', audit.pixelated ? 'pixelated' : '');
    made.src = source;
    made.alt = called(row);
    return made;
  }

  function heading(title) {
    const made = make('div', 'group', title);
    made.setAttribute('role', 'presentation');
    return made;
  }

  function card(row) {
    const option = make('div', 'card');
    option.id = `row-${row}`;
    option.setAttribute('role', 'option');
    option.tabIndex = -1;
    option.append(image(row) ?? make('span', 'blank', called(row)));
    option.append(make('span', 'labels'), make('span', 'score', shownScore(row)), make('span', 'mark'));
    return option;
  }

  // A similar image: why a label is suspected.
  function neighbor(row) {
    const made = make('span', audit.given[row] === audit.given[rows[chosen]] ? 'same' : 'other');
    made.append(image(row) ?? '');
    const label = make('span', '', name(audit.given[row]));
    label.title = name(audit.given[row]);
    made.append(label);
    return made;
  }

  // What stands behind the arrow: what was decided on a wrong label, nothing where the given one is
  // fine, else what is suggested.
  function becomes(row) {
    const { decision, label } = decisions.get(row) ?? {};
    if (decision === 'wrong') return label === '' ? 'left out' : name(label);
    if (decision === 'drop') return 'left out';
    if (decision === 'fine') return '';
    return suggests(row) ? name(audit.suggested[row]) : '';
  }

  function showDecision(row) {
    const option = find(`row-${row}`);
    if (!option) return;
    const { decision, label } = decisions.get(row) ?? { decision: '', label: '' };
    option.dataset.decision = decision;
    const earlier = EARLIER[before.get(row)] ?? (trained(row) ? '' : split[row]);
    option.querySelector('.mark').textContent = decision ? `${MARKS[decision]} ${decision}` : earlier;
    const labels = option.querySelector('.labels');
    const other = becomes(row);
    labels.replaceChildren(make('span', '', name(audit.given[row])));
    if (other) labels.append(' ', make('b', '', `→ ${other}`));
    labels.title = labels.textContent;
    const words = [called(row), `given label ${name(audit.given[row])}`];
    words.push(suggests(row) ? `suggested ${name(audit.suggested[row])}` : 'no other label suggested');
    if (notes.has(row)) words.push(groups.get(row).title, notes.get(row));
    else words.push(`score ${shownScore(row)}`);
    words.push(decision || earlier || 'not decided');
    if (label !== '') words.push(`new label ${name(label)}`);
    option.setAttribute('aria-label', words.join(', '));
  }

  function showCount() {
    const counts = { wrong: 0, fine: 0, unsure: 0, drop: 0 };
    for (const { decision } of decisions.values()) counts[decision]++;
    const parts = ['wrong', 'fine', 'unsure'].map((decision) => counted(counts[decision], decision));
    if (counts.drop) parts.push(counted(counts.drop, 'dropped'));
    find('count').textContent = `${counted(decisions.size, 'decided')}: ${parts.join(', ')}`;
    find('save').disabled = decisions.size === 0;
  }

  function showChosen(focus = false) {
    for (const option of find('cards').querySelectorAll('[aria-selected=true]')) {
      option.setAttribute('aria-selected', 'false');
      option.tabIndex = -1;
    }
    const option = find(`row-${rows[chosen]}`);
    if (option) {
      option.setAttribute('aria-selected', 'true');
      option.tabIndex = 0;
      if (focus) option.focus();
    }
    inspect();
  }

  function inspect() {
    const row = rows[chosen];
    find('inspector').hidden = row === undefined;
    if (row === undefined) return;
    const source = picture(row);
    find('large').hidden = !source;
    find('large').className = audit.pixelated ? 'pixelated' : '';
    if (source) find('large').src = source;
    find('large').alt = source ? `${called(row)}, enlarged` : '';
    const labels = suggests(row) ? ` → ${name(audit.suggested[row])}` : ', no other suggested';
    find('inspector-title').textContent = `${name(audit.given[row])}${row < size ? labels : ''}`;
    const facts = [[audit.noun, String(audit.index[row])]];
    if (audit.sections.length) facts.push(['split', split[row]]);
    if (notes.has(row)) facts.push([section.title, `${groups.get(row).title} ${notes.get(row)}`.trim()]);
    if (row < size) facts.push(['score', number(audit.score[row])]);
    if (audit.true[row] >= 0) facts.push(['true', name(audit.true[row])]);
    if (audit.path) facts.push(['file', audit.path[row]]);
    for (const [what, values] of row < size ? Object.entries(audit.evidence) : []) {
      if (values[row] !== null) facts.push([what.replaceAll('_', ' '), String(values[row])]);
    }
    const pairs = facts.map(([term, text]) => {
      const pair = make('div');
      pair.append(make('dt', '', term), make('dd', '', text));
      return pair;
    });
    find('evidence').replaceChildren(...pairs);
    const similar = section ? [] : (audit.neighbors[row] ?? []);
    find('neighbors').hidden = !similar.length;
    find('neighbors').querySelector('div').replaceChildren(...similar.map(neighbor));
    const { decision, label } = decisions.get(row) ?? { decision: '', label: '' };
    for (const verdict of Object.keys(MARKS)) {
      find(`mark-${verdict}`).setAttribute('aria-pressed', String(verdict === decision));
      find(`mark-${verdict}`).disabled = !trained(row);
    }
    const preset = suggests(row) ? audit.suggested[row] : '';
    find('new-label').value = String(decision === 'wrong' ? label : preset);
    for (const option of find('new-label').options) {
      option.disabled = option.value === String(audit.given[row]);
    }
    find('new-label').disabled = !trained(row) || !['', 'wrong'].includes(decision);
  }

  // Moving about.

  function choose(place) {
    chosen = Math.max(0, Math.min(rows.length - 1, place));
    const wanted = Math.floor(chosen / perPage());
    if (wanted !== page) {
      page = wanted;
      showPage();
    }
    showChosen(true);
  }

  function turn(pagesOn) {
    page = Math.max(0, Math.min(pages() - 1, page + pagesOn));
    chosen = page * perPage();
    showPage();
  }

  // The nearest card of the next line, or of the line before; on another page where there is none.
  function changeLine(way) {
    const here = find(`row-${rows[chosen]}`);
    const options = [...find('cards').querySelectorAll('.card')];
    const beyond = options.filter((option) => way * (option.offsetTop - here.offsetTop) > 0);
    if (!beyond.length) return way > 0 ? (page + 1) * perPage() : page * perPage() - 1;
    const line = (way > 0 ? beyond[0] : beyond.at(-1)).offsetTop;
    const away = (option) => Math.abs(option.offsetLeft - here.offsetLeft);
    const nearest = beyond
      .filter((option) => option.offsetTop === line)
      .reduce((best, option) => (away(option) < away(best) ? option : best));
    return page * perPage() + options.indexOf(nearest);
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
    const last = Math.min(rows.length, (page + 1) * perPage()) - 1;
    const moves = {
      ArrowLeft: () => choose(chosen - 1),
      ArrowRight: () => choose(chosen + 1),
      ArrowUp: () => choose(changeLine(-1)),
      ArrowDown: () => choose(changeLine(1)),
      Home: () => choose(page * perPage()),
      End: () => choose(last),
      PageDown: () => choose(Math.min(page + 1, pages() - 1) * perPage()),
      PageUp: () => choose(Math.max(page - 1, 0) * perPage()),
      n: () => find('new-label').focus(),
      k: keepOne,
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = Object.hasOwn(KEYS, key) ? () => mark(KEYS[key]) : moves[key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  // The chosen card looks as if it had the focus, so keys of the gallery work from nowhere else, too.
  // Those that would scroll the page do that.
  function onKeyOfPage(event) {
    if (document.activeElement !== document.body || !/^([wfudnk]|Arrow(Left|Right))$/i.test(event.key)) return;
    const { top, bottom } = find('cards').getBoundingClientRect();
    if (top < innerHeight && bottom > 0) onKey(event);
  }

  function focusGallery() {
    if (location.hash === '#audit') find(`row-${rows[chosen]}`)?.focus({ preventScroll: true });
  }

  // Saving.

  const cell = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  // Bytes of a file name that is no UTF-8 came as lone surrogates U+DC80 to U+DCFF (Python's
  // surrogateescape), and leave as the bytes that they were.
  function bytes(text) {
    const parts = text.split(/([\u{dc80}-\u{dcff}])/u);
    return parts.map((part, i) => (i % 2 ? Uint8Array.of(part.charCodeAt(0) - 0xdc00) : part));
  }

  function save() {
    const lines = [['index', 'path', 'given_label', 'suggested_label', 'score', 'decision', 'new_label']];
    for (const row of audit.earlier) {
      lines.push([row.index, row.path, row.given_label, '', '', row.decision, row.new_label]);
    }
    for (const row of [...decisions.keys()].sort((a, b) => a - b)) {
      const { decision, label } = decisions.get(row);
      lines.push([
        String(audit.index[row]),
        audit.path ? audit.path[row] : '',
        name(audit.given[row]),
        row < size ? name(audit.suggested[row]) : '',
        row < size ? number(audit.score[row]) : '',
        decision,
        label === '' ? '' : name(label),
      ]);
    }
    const text = lines.map((cells) => `${cells.map(cell).join(',')}\r\n`).join('');
    const link = make('a');
    link.href = URL.createObjectURL(new Blob(bytes(text), { type: 'text/csv' }));
    link.download = 'label_decisions.csv';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    showCount();
    find('count').textContent += '; saved where your browser saves files, for --label_corrections';
  }

  function fillChoices() {
    const used = { 'filter-given': new Set(audit.given), 'filter-suggested': new Set() };
    for (let row = 0; row < size; row++) {
      if (suggests(row)) used['filter-suggested'].add(audit.suggested[row]);
    }
    audit.classes.forEach((text, label) => {
      for (const [id, labels] of [...Object.entries(used), ['new-label', null]]) {
        if (labels && !labels.has(label)) continue;
        const option = make('option', '', text);
        option.value = String(label);
        find(id).append(option);
      }
    });
  }

  function fillSections() {
    const wrong = [...Array(size).keys()].filter(suggests).length.toLocaleString('en');
    const titles = [{ title: 'Wrong labels', size: wrong }, ...audit.sections];
    const buttons = titles.map(({ title, size: count }, k) => {
      const button = make('button', '', `${title}: ${count}`);
      button.type = 'button';
      button.addEventListener('click', () => {
        enter(audit.sections[k - 1] ?? null);
        showChosen(true);
      });
      return button;
    });
    find('sections').replaceChildren(...buttons);
    find('sections').hidden = !audit.sections.length;
  }

  fillChoices();
  fillSections();
  readEarlier();
  restore();
  for (const id of ['filter-given', 'filter-suggested', 'filter-decision', 'order', 'per-page']) {
    find(id).addEventListener('change', select);
  }
  find('previous').addEventListener('click', () => turn(-1));
  find('next').addEventListener('click', () => turn(1));
  find('save').addEventListener('click', save);
  find('cards').addEventListener('keydown', onKey);
  find('cards').addEventListener('click', (event) => {
    const option = event.target.closest('.card');
    if (option) choose(rows.indexOf(Number(option.id.slice('row-'.length))));
  });
  for (const decision of Object.keys(MARKS)) {
    find(`mark-${decision}`).addEventListener('click', () => mark(decision));
  }
  find('keep-one').addEventListener('click', keepOne);
  find('new-label').addEventListener('change', () => {
    const value = control('new-label');
    decide(rows[chosen], 'wrong', value === '' ? '' : Number(value));
    relabelled.add(rows[chosen]);
  });
  find('new-label').addEventListener('keydown', (event) => {
    if (event.key === 'Escape') showChosen(true);
  });
  document.addEventListener('keydown', onKeyOfPage);
  document.querySelector('a[href="#audit"]').addEventListener('click', () => setTimeout(focusGallery));
  showCount();
  enter(null);
  focusGallery();
})();
