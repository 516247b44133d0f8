export { WebglAddon } from '@xterm/addon-webgl';
