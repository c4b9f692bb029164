-- +goose Up
SELECT '
-----BEGIN CERTIFICATE-----
abc
-----END CERTIFICATE-----
';
