// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev A member, or a reporter, that calls back when it is paid.
contract Reenterer {
    address private immutable _target;
    bytes private _call;
    uint256 public entries;
    bool public wasRefused;

    constructor(address target) {
        _target = target;
    }

    /// @dev What is called when money arrives.
    function prepare(bytes calldata call) external {
        _call = call;
    }

    function run(address target, bytes calldata call) external payable {
        (bool done, bytes memory result) = target.call{value: msg.value}(call);
        if (done) return;
        assembly {
            revert(add(result, 32), mload(result))
        }
    }

    receive() external payable {
        entries++;
        if (_call.length == 0) return;
        (bool done,) = _target.call(_call);
        wasRefused = !done;
    }
}
