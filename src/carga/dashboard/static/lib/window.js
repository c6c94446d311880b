// Which rows of a long list are worth having in the page.

export const OVERSCAN_ROWS = 8; // above and below what is seen, so that a scroll never shows a blank

/** {first, end}: rows first..end-1 for a list of `count` rows of equal height. */
export function visibleRows({ scrollTop, height, rowHeight, count }) {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - OVERSCAN_ROWS);
  const end = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN_ROWS);
  return { first: Math.min(first, Math.max(0, end - 1)), end };
}

/** The scroll position that brings `row` into view with the least movement. */
export function scrollTo({ row, scrollTop, height, rowHeight }) {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height) return top + rowHeight - height;
  return scrollTop;
}

/** The row that a key goes to from `row`; null when the key is not one of the list's. */
export function rowAfterKey(key, row, count, pageRows) {
  const moves = { ArrowDown: row + 1, ArrowUp: row - 1, PageDown: row + pageRows, PageUp: row - pageRows, Home: 0, End: count - 1 };
  if (!(key in moves) || count === 0) return null;
  return Math.min(count - 1, Math.max(0, moves[key]));
}
