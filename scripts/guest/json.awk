# Flattens a JSON document: one line "path<TAB>value" for each scalar, members joined by dots, array places by number.
{ text = text $0 "\n" }
END { at = 1; value("") }
function space() { while (at <= length(text) && index(" \t\r\n", substr(text, at, 1))) at++ }
function word(   c, out) {
	at++
	while (at <= length(text)) {
		c = substr(text, at++, 1)
		if (c == "\"") return out
		if (c == "\\") {
			c = substr(text, at++, 1)
			if (c == "n" || c == "t" || c == "r") c = " "
			else if (c == "u") { c = "?"; at += 4 }
		}
		out = out c
	}
	return out
}
function value(path,   c, key, i, start) {
	space()
	c = substr(text, at, 1)
	if (c == "{") {
		at++; space()
		while (at <= length(text) && substr(text, at, 1) != "}") {
			key = word(); space(); at++
			value(path == "" ? key : path "." key)
			space(); if (substr(text, at, 1) == ",") { at++; space() }
		}
		at++
	} else if (c == "[") {
		at++; space()
		for (i = 0; at <= length(text) && substr(text, at, 1) != "]"; i++) {
			value(path "." i)
			space(); if (substr(text, at, 1) == ",") { at++; space() }
		}
		at++
	} else if (c == "\"") {
		print path "\t" word()
	} else {
		start = at
		while (at <= length(text) && !index(",]} \t\r\n", substr(text, at, 1))) at++
		if (at == start) at++
		print path "\t" substr(text, start, at - start)
	}
}
