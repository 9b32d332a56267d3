// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelShares} from "./ModelShares.sol";

/// @title Receiver of one model's royalties (ERC-2981)
/// @notice A market sends money without saying which model it is for, so each model has a receiver of its own.
contract RoyaltyVault {
    ModelShares private _shares;
    uint256 private _token;

    error AlreadyBound();

    /// @dev The first one is only copied from.
    constructor() {
        _token = type(uint256).max;
    }

    receive() external payable {}

    /// @dev Called once by the registry, in the transaction that makes the vault.
    function bind(ModelShares shares, uint256 token) external {
        if (address(_shares) != address(0) || _token == type(uint256).max) revert AlreadyBound();
        _shares = shares;
        _token = token;
    }

    /// @notice Passes on what has arrived, to those who hold shares now: call it before shares change hands. Anybody may.
    /// Only the chain's own coin is passed on; tokens that are sent here stay here.
    function flush() external {
        uint256 amount = address(this).balance;
        if (amount != 0) _shares.distribute{value: amount}(_token);
    }
}
