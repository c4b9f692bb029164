-- +goose Up
;
;;
