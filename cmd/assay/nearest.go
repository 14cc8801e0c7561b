package main

import "strings"

// nearest returns the name that word most likely stands for, "" when none is
// close: a third of the longer one's letters may differ, at least one. Case,
// "_", "-" and "." don't count. The first of equally near names wins.
func nearest(word string, names []string) string {
	word = plain(word)
	if len(word) > 64 {
		return ""
	}
	best, bestDistance := "", 0
	for _, name := range names {
		n := plain(name)
		d := editDistance(word, n)
		if d <= max(1, max(len(word), len(n))/3) && (best == "" || d < bestDistance) && d < len(n) {
			best, bestDistance = name, d
		}
	}
	return best
}

// plain is a name without case and separators: AuthservID and authserv_id are
// the same.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// editDistance counts the bytes to insert, remove, replace or swap with their
// neighbour to make b out of a.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
