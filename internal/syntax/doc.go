// Package syntax tells whether a text has the form of what it should be: an id, a
// token, the code of an error. Whether there is such a thing is another matter.
package syntax
