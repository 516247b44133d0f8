import { h } from 'preact';
export { h, render, Fragment, createContext } from 'preact';
export { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext, useErrorBoundary } from 'preact/hooks';
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect, type ReadonlySignal, type Signal } from '@preact/signals';
export const html: (strings: TemplateStringsArray, ...values: any[]) => any;
