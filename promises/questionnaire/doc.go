// Package questionnaire answers a client's security questionnaire from
// evidence. It reads the client's file, finds for each question the promise
// that it is about, composes an answer from how that promise stands, and writes
// the answers back into the file, of which nothing is lost.
//
// A question is matched by its words: against each promise's curated keywords,
// title and sentence, through the vocabulary in vocabulary.txt, which says
// which words mean the same, which tell nothing, and which subjects no promise
// covers. There is no network and no model, so that the same question always
// gets the same answer, and the words that led there are shown. A question
// whose match is weak is left for a person. No answer is better than a wrong
// one: it says "yes" only where a promise is kept and the question asks for
// what is promised.
//
// How good the matches are is measured on questions that the vocabulary was not
// tuned on; docs/questionnaires/README.md has the figures, and a test holds it
// to them. The package looks at no stack and knows no command.
package questionnaire
