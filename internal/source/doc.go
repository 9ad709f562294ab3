// Package source finds the values of settings where programs get them from: flags,
// the environment, a file of NAME=value lines, and files that hold a secret each. It
// is what makes one setting mean the same to the server and to the operator's tool.
package source
