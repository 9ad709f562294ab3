package main

import (
	"fmt"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// openFile returns what parse makes of a file, and goes on making of it while the
// server runs. Its error goes on after the name of the setting.
func openFile[T any](path, setting string, around surroundings, parse func(content []byte) (T, error)) (*reload.File[T], error) {
	file, err := reload.Open(reload.Config[T]{Path: path, Name: setting, Parse: parse, Logger: around.logger})
	if err != nil {
		return nil, fmt.Errorf("names a file that is of no use: %w", err)
	}
	return file, nil
}

// follow is openFile for a secret that may come from a file: what stands in the
// settings themselves never changes.
func follow[T any](s *settings, setting, value string, around surroundings, parse func(text string) (T, error)) (*reload.File[T], error) {
	path := s.origins[setting].file
	if path == "" {
		made, err := parse(value)
		if err != nil {
			return nil, fmt.Errorf("is of no use: %w", err)
		}
		return reload.Fixed(made), nil
	}
	return openFile(path, setting+"_FILE", around, func(content []byte) (made T, err error) {
		text, err := keyOf(setting).Text(content)
		if err != nil {
			return made, err
		}
		return parse(text)
	})
}
